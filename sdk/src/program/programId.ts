import bs58 from 'bs58';
import { idl } from './idl.ts';

/**
 * The address at which localnet loads the karma program at genesis, and the default everywhere else. Nobody holds its secret key:
 * it was thrown away when the address was drawn, so that a cluster can only get a program there by its genesis or by an own address.
 */
export const PROGRAM_ID: Uint8Array = bs58.decode(idl.address);
