/* How a run of the decoder ends. src/codec/kernel.ts has the same numbers. */

/** The final block is over; `bit` is right behind it. */
export const FINISHED: i32 = 0;
/** What comes next is not whole in the input; `bit` is before it. */
export const INPUT_USED: i32 = 1;
/** The output has reached its limit, or passed it by less than one match. */
export const OUTPUT_FULL: i32 = 2;
/** `bit` is at the start of a block, and the output has reached the boundary. */
export const AT_BLOCK: i32 = 3;

export const BAD_BLOCK_TYPE: i32 = 16;
export const BAD_STORED_LENGTH: i32 = 17;
export const BAD_SYMBOL_COUNT: i32 = 18;
export const BAD_ORDER_CODE: i32 = 19;
export const BAD_REPEAT: i32 = 20;
export const NO_END_CODE: i32 = 21;
export const BAD_LITERAL_CODE: i32 = 22;
export const BAD_DISTANCE_CODE: i32 = 23;
export const BAD_LITERAL: i32 = 24;
export const BAD_DISTANCE: i32 = 25;
export const FAR_DISTANCE: i32 = 26;

/* Between the parts of the decoder only. */
export const GO_ON: i32 = -1;
export const BLOCK_END: i32 = -2;
