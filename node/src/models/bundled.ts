import { fileURLToPath } from 'node:url';

/** The model that ships with Karmesh: a llama of 3.28 million parameters in Q8_0, trained for it. */
export const BUNDLED_MODEL_PATH: string = fileURLToPath(new URL('../../models/tiny-q8_0.gguf', import.meta.url));

/** Its keys on the exact engine. INSECURE DEVELOPMENT KEYS: only localnet takes proofs under them. */
export const BUNDLED_KEYS_PATH: string = fileURLToPath(new URL('../../models/tiny-q8_0.keys.json', import.meta.url));
