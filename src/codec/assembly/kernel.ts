/* What the module exports. Everything else about it is in layout.ts. */

import { prepareCrc32 } from './crc32';
import { HISTORY_SIZE, INPUT, INPUT_SIZE, NEEDLE, NEEDLE_MASK, OUTPUT, OUTPUT_SIZE, SHA_STATE } from './layout';
import { prepareSymbols } from './tables';

export { crc32 } from './crc32';
export { find } from './search';
export { sha256 } from './sha256';
export { bit, output, run, start } from './inflate';
export { HISTORY_SIZE, INPUT, INPUT_SIZE, NEEDLE, NEEDLE_MASK, OUTPUT, OUTPUT_SIZE, SHA_STATE };

prepareSymbols();
prepareCrc32();
