/* Questions that must be answered before something happens. */

import { el, textButton } from './element.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly verb: string;
  readonly dangerous?: boolean;
}

/** Resolves to whether the user agreed. Escape and a click beside it mean no. */
export function ask(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const { dialog, close } = open(question.title, (answer) => resolve(answer === 'yes'));
    dialog.append(
      el('p', { text: question.text }),
      el(
        'div',
        { class: 'dialog-buttons' },
        textButton('Cancel', 'plain', () => close('no')),
        textButton(question.verb, question.dangerous === true ? 'danger' : 'primary', () => close('yes')),
      ),
    );
    dialog.showModal();
    dialog.querySelector<HTMLButtonElement>('.dialog-buttons button:last-child')?.focus();
  });
}

/** Asks for one line of text. Resolves to `undefined` when the user gave none. */
export function askText(title: string, label: string, verb: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const input = el('input', { class: 'text-input', attrs: { 'aria-label': label, placeholder: label, spellcheck: 'false' } });
    const { dialog, close } = open(title, (answer) =>
      resolve(answer === 'yes' && input.value.trim() !== '' ? input.value.trim() : undefined),
    );
    const form = el(
      'form',
      { on: { submit: (event) => (event.preventDefault(), close('yes')) } },
      input,
      el(
        'div',
        { class: 'dialog-buttons' },
        textButton('Cancel', 'plain', () => close('no')),
        el('button', { class: 'button primary', text: verb, attrs: { type: 'submit' } }),
      ),
    );
    dialog.append(form);
    dialog.showModal();
    input.focus();
  });
}

/** Shows a text that cannot be changed. */
export function showText(title: string, text: string): void {
  const { dialog, close } = open(title, () => undefined);
  dialog.classList.add('wide');
  dialog.append(
    el('pre', { class: 'dialog-text', text, attrs: { tabindex: '0' } }),
    el(
      'div',
      { class: 'dialog-buttons' },
      textButton('Close', 'primary', () => close('no')),
    ),
  );
  dialog.showModal();
}

function open(title: string, onClose: (answer: string) => void): { dialog: HTMLDialogElement; close: (answer: string) => void } {
  const dialog = el('dialog', { class: 'dialog', attrs: { 'aria-label': title } }, el('h2', { text: title }));
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose(dialog.returnValue);
  });
  dialog.addEventListener('pointerdown', (event) => {
    if (event.target === dialog) dialog.close('no');
  });
  document.body.append(dialog);
  return { dialog, close: (answer) => dialog.close(answer) };
}
