/* The conformance suite over ZenFS. */

import { conformance } from './all.ts';
import { zenfsStacks } from './zenfs-stack.ts';

for (const stack of zenfsStacks()) conformance(stack);
