/* Style sheets are imported for their effect; Vite turns them into files of the page. */

declare module '*.css';
