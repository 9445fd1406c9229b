/* The Snapshots panel: states of the whole workspace to look at, to come back to, or to begin another workspace with. */

import type { Snapshot } from 'stratafs';
import type { EditorPane } from '../editor/pane.ts';
import type { Session } from '../session.ts';
import { showError } from '../session.ts';
import { ask, askText, showText } from '../ui/dialog.ts';
import { el, iconButton, textButton } from '../ui/element.ts';
import { icon } from '../ui/icons.ts';
import { nameOf } from '../ui/paths.ts';
import { toast } from '../ui/toast.ts';
import { count } from '../ui/words.ts';
import { freshName, goTo } from '../workspaces.ts';

/** What the panel's buttons work upon. */
interface Scene {
  readonly session: Session;
  /** The file that is open. */
  readonly openFile: () => string | undefined;
  /** Shows the list anew. */
  readonly draw: () => Promise<void>;
}

export class SnapshotsPanel {
  readonly element = el('div', { class: 'panel snapshots' });
  readonly #scene: Scene;

  constructor(session: Session, editor: EditorPane) {
    let openFile: string | undefined;
    editor.activeChanged.on((file) => (openFile = file?.path));
    this.#scene = { session, openFile: () => openFile, draw: () => this.draw() };
  }

  /** Shows what there is now: other tabs take snapshots too. */
  async draw(): Promise<void> {
    try {
      const snapshots = await this.#scene.session.ws.snapshots();
      const hadFocus = this.element.contains(document.activeElement);
      this.element.replaceChildren(...content(this.#scene, snapshots));
      if (hadFocus) this.element.querySelector('button')?.focus();
    } catch (error) {
      showError(error);
    }
  }
}

function content(scene: Scene, snapshots: readonly Snapshot[]): Node[] {
  const tools = el(
    'div',
    { class: 'panel-tools' },
    el('span', { class: 'dim', text: snapshots.length === 0 ? 'No snapshots' : count(snapshots.length, 'snapshot') }),
    el('span', { class: 'spring' }),
    textButton('Take a snapshot…', 'quiet', () => void take(scene)),
  );
  const rows = snapshots.toReversed().map((snapshot) => row(scene, snapshot));
  const explain = 'Taking one costs next to nothing, however much is in the workspace: only what changes later is kept as it was.';
  return [tools, el('ul', { class: 'snapshot-list' }, ...rows), el('p', { class: 'dim explain', text: explain })];
}

function row(scene: Scene, snapshot: Snapshot): HTMLElement {
  const { branches = [], timeMs } = snapshot;
  const title = titleOf(snapshot);
  const when = new Date(timeMs);
  return el(
    'li',
    { class: 'snapshot' },
    el(
      'div',
      { class: 'snapshot-name', title: when.toLocaleString() },
      el('span', { class: 'name', text: title }),
      el('time', { class: 'where', text: when.toLocaleTimeString(), attrs: { datetime: when.toISOString() } }),
      ...branches.map((branch) =>
        el('button', {
          class: 'branch',
          text: branch,
          title: `Open ${branch}`,
          attrs: { type: 'button' },
          on: { click: () => goTo(branch) },
        }),
      ),
    ),
    iconButton(icon('eye'), `Show the open file as it was: ${title}`, () => void look(scene, snapshot)),
    iconButton(icon('restore'), `Roll back to ${title}`, () => void rollBack(scene, snapshot)),
    iconButton(icon('branch'), `Begin another workspace with ${title}`, () => void begin(scene, snapshot)),
    iconButton(icon('trash'), `Remove ${title}`, () => void remove(scene, snapshot)),
  );
}

const titleOf = ({ id, label }: Snapshot): string => (label === undefined || label === '' ? `Snapshot ${id}` : label);

async function take({ session, draw }: Scene): Promise<void> {
  const label = await askText('Take a snapshot', 'Before what? For example: the redesign', 'Take it');
  if (label === undefined) return;
  await session.act([], () => session.ws.snapshot(label));
  await draw();
}

async function look({ session, openFile }: Scene, snapshot: Snapshot): Promise<void> {
  const path = openFile();
  if (path === undefined) return toast('Open a file first: it is shown as it was then.');
  try {
    const text = await session.ws.openSnapshot(snapshot.id).readFile(path, 'utf8');
    showText(`${nameOf(path)}: ${titleOf(snapshot)}`, text);
  } catch (error) {
    showError(error);
  }
}

async function rollBack({ session, draw }: Scene, snapshot: Snapshot): Promise<void> {
  const agreed = await ask({
    title: `Roll back to ${titleOf(snapshot)}?`,
    text: 'The whole workspace becomes what it was then. What was done since is lost, unless another snapshot has it.',
    verb: 'Roll back',
    dangerous: true,
  });
  if (!agreed) return;
  if (await session.act(['/'], () => session.ws.rollback(snapshot.id))) toast(`Rolled back to ${titleOf(snapshot)}`);
  await draw();
}

async function begin({ session, draw }: Scene, { id }: Snapshot): Promise<void> {
  const name = await askText('Begin another workspace', `Its name, for example ${freshName()}`, 'Create and open');
  if (name === undefined) return;
  if (await session.act([], () => session.ws.branch(name, { snapshot: id }))) goTo(name);
  else await draw();
}

async function remove({ session, draw }: Scene, { id }: Snapshot): Promise<void> {
  await session.act([], () => session.ws.removeSnapshot(id));
  await draw();
}
