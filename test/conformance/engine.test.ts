/* The conformance suite over the engine with its memory upper. */

import { conformance } from './all.ts';
import { engineStacks } from './engine-stacks.ts';

for (const stack of engineStacks(['no lower', 'three lowers', 'renamed and remounted'])) conformance(stack);
