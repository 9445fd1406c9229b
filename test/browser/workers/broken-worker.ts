/* A worker whose script fails before it serves anybody. */

throw new Error('planted: this script is broken');
