import type { EngineSettings } from '../thread/threadMessages.ts';
import type { ExpectedFile } from './receiveModel.ts';

/** What a page starts the exact engine with. */
export interface PageSettings extends EngineSettings {
  /** Where the converted model is fetched from. */
  readonly modelUrl: string;
  /** What its manifest says of it. */
  readonly expected: ExpectedFile;
}
