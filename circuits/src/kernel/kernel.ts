/** What native/src/exports.rs and native/src/exports_prover.rs give. Pointers are into `memory`, whose buffer is another one whenever it grew. */
export interface Kernel {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  commit_tensor(values: number, count: number, bits: number, blinding: number, out: number): number;
  hash_elements(elements: number, count: number, out: number): number;
  setup(seed: number): number;
  public_count(zkey: number, zkeyBytes: number): number;
  prove(
    zkey: number,
    zkeyBytes: number,
    witness: number,
    witnessBytes: number,
    random: number,
    proof: number,
    publicOut: number,
  ): number;
}

/** Where `setup` reads constraints and writes a key. */
export interface KernelFiles {
  /** Fills `into` from its start and says how far; 0 at the end only. */
  read(into: Uint8Array): number;
  write(bytes: Uint8Array): void;
}

const NO_FILES: KernelFiles = { read: () => 0, write: () => undefined };

export async function kernelOf(module: WebAssembly.Module, files: KernelFiles = NO_FILES): Promise<Kernel> {
  const view = (at: number, length: number): Uint8Array =>
    new Uint8Array(exports.memory.buffer, at >>> 0, length >>> 0);
  const env = {
    read: (at: number, length: number) => files.read(view(at, length)),
    write: (at: number, length: number) => files.write(view(at, length)),
  };
  const instance = await WebAssembly.instantiate(module, { env });
  const exports = instance.exports as unknown as Kernel;
  return exports;
}
