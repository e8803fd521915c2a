import { describe } from 'vitest';
import { rpcContract } from './rpcContract.ts';

describe('RPC contract: localnet', () => rpcContract('localnet'));
