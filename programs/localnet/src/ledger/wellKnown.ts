import type { Address } from '@solana/kit';

/** Addresses that every Solana cluster has. */
export const systemProgram = '11111111111111111111111111111111' as Address;
export const computeBudgetProgram = 'ComputeBudget111111111111111111111111111111' as Address;
export const sysvarOwner = 'Sysvar1111111111111111111111111111111111111' as Address;
export const clockSysvar = 'SysvarC1ock11111111111111111111111111111111' as Address;
export const slotHashesSysvar = 'SysvarS1otHashes111111111111111111111111111' as Address;
export const nativeLoader = 'NativeLoader1111111111111111111111111111111' as Address;
export const loaderV1 = 'BPFLoader1111111111111111111111111111111111' as Address;
export const loaderV2 = 'BPFLoader2111111111111111111111111111111111' as Address;
export const loaderV3 = 'BPFLoaderUpgradeab1e11111111111111111111111' as Address;
export const loaderV4 = 'LoaderV411111111111111111111111111111111111' as Address;
export const voteProgram = 'Vote111111111111111111111111111111111111111' as Address;
export const featureProgram = 'Feature111111111111111111111111111111111111' as Address;
export const configProgram = 'Config1111111111111111111111111111111111111' as Address;
export const lookupTableProgram = 'AddressLookupTab1e1111111111111111111111111' as Address;
export const tokenProgram = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' as Address;
export const ed25519Program = 'Ed25519SigVerify111111111111111111111111111' as Address;
export const secp256k1Program = 'KeccakSecp256k11111111111111111111111111111' as Address;
export const secp256r1Program = 'Secp256r1SigVerify1111111111111111111111111' as Address;
