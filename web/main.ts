/* Starts the demo: opens the workspace, then the IDE over it. */

import './styles/tokens.css';
import './styles/controls.css';
import './styles/frame.css';
import './styles/tree.css';
import './styles/editor.css';
import './styles/panels.css';
import './styles/search.css';
import './styles/terminal.css';
import { boot } from './boot.ts';
import { startIde } from './ide.ts';
import { applyTheme } from './ui/appearance.ts';
import { noteWorkspace } from './workspaces.ts';

applyTheme();
const host = document.querySelector<HTMLElement>('#app');
if (host === null) throw new Error('index.html has no #app');
const opened = await boot(host);
noteWorkspace();
await startIde(host, opened);
