/* The writer of archives, which most sessions never need. The packaged worker has it in a file of its own (decision 0025). */

export { exportArchive } from './export.ts';
