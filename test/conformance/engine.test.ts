/* The conformance suite over the engine with its memory upper. */

import { conformance } from './all.ts';
import { engineStacks } from './engine-stacks.ts';

const forms = { sync: ['no lower', 'three lowers', 'renamed and remounted'], batches: ['lazy lowers', 'after copy-up'] };
for (const stack of engineStacks(forms)) conformance(stack);
