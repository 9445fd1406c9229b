/* What the module exports. Everything else about it is in layout.ts. */

import { prepareCrc32 } from './crc32';
import { HISTORY_SIZE, INPUT, INPUT_SIZE, OUTPUT, OUTPUT_SIZE } from './layout';
import { prepareSymbols } from './tables';

export { crc32 } from './crc32';
export { bit, output, run, start } from './inflate';
export { HISTORY_SIZE, INPUT, INPUT_SIZE, OUTPUT, OUTPUT_SIZE };

prepareSymbols();
prepareCrc32();
