import { describe } from 'vitest';
import { deploySuite } from './deploySuite.ts';

describe('karmesh deploy on localnet', () => deploySuite('localnet'));
