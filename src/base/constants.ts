/* `fs.constants`. */

import * as mode from './mode.ts';

type Constants = { readonly [K in keyof typeof mode as (typeof mode)[K] extends number ? K : never]: (typeof mode)[K] };

/** Node's `fs.constants`, with the flags that POSIX has beside. */
export const constants: Constants = Object.freeze(
  Object.fromEntries(Object.entries<unknown>(mode).filter((entry): entry is [string, number] => typeof entry[1] === 'number')),
) as Constants;
