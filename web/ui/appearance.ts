/* Light, dark, or as the system says. */

import type { IconName } from './icons.ts';
import { recall, remember } from './memory.ts';

const KEY = 'theme';
const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

function current(): Theme {
  return THEMES.find((theme) => theme === recall(KEY)) ?? 'auto';
}

/** Puts the remembered theme on the page. */
export function applyTheme(): void {
  const theme = current();
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function nextTheme(): void {
  remember(KEY, THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length] ?? 'auto');
  applyTheme();
}

export function themeButtonIcon(): IconName {
  const theme = current();
  return theme === 'light' ? 'sun' : theme === 'dark' ? 'moon' : 'auto';
}
