/* The icons, drawn on a grid of 16 with a line of 1.4, and the logo. */

const SHAPES = {
  file: '<path d="M4 1.7h5L12.3 5v9.3H4z"/><path d="M9 1.7V5h3.3"/>',
  'file-plus': '<path d="M4 1.7h5L12.3 5v9.3H4z"/><path d="M8.1 7v4.6M5.8 9.3h4.6"/>',
  folder: '<path d="M1.7 3.3h4l1.5 1.8h7.1v7.6H1.7z"/>',
  'folder-open': '<path d="M1.7 12.7V3.3h4l1.5 1.8h5.6v1.7M1.7 12.7l2-5.9h11l-2 5.9z"/>',
  'folder-plus': '<path d="M1.7 3.3h4l1.5 1.8h7.1v7.6H1.7z"/><path d="M8 6.9v4M6 8.9h4"/>',
  link: '<path d="M6.6 9.4 9.4 6.6M7 4.8l1.4-1.4a3 3 0 0 1 4.2 4.2L11.2 9M9 11.2l-1.4 1.4a3 3 0 0 1-4.2-4.2L4.8 7"/>',
  chevron: '<path d="m6 3.8 4.2 4.2L6 12.2"/>',
  close: '<path d="m4 4 8 8M12 4l-8 8"/>',
  collapse: '<path d="M4.5 6 8 2.5 11.5 6M4.5 10 8 13.5 11.5 10"/>',
  eye: '<path d="M1.3 8S3.7 3.6 8 3.6 14.7 8 14.7 8 12.3 12.4 8 12.4 1.3 8 1.3 8z"/><circle cx="8" cy="8" r="1.9"/>',
  branch:
    '<path d="M4.5 5v6M4.5 9.5c0-2.4 7-1 7-4.2"/><circle cx="4.5" cy="3.3" r="1.6"/><circle cx="4.5" cy="12.7" r="1.6"/><circle cx="11.5" cy="3.7" r="1.6"/>',
  download: '<path d="M8 2v7.8M4.8 6.8 8 10l3.2-3.2M2.7 13.3h10.6"/>',
  restore: '<path d="M3 6.2h6.3a3.6 3.6 0 0 1 0 7.2H5"/><path d="M5.8 3.2 2.8 6.2l3 3"/>',
  search: '<circle cx="7" cy="7" r="4.3"/><path d="m10.2 10.2 3.6 3.6"/>',
  trash: '<path d="M2.7 4.2h10.6M6 4V2.3h4V4M4 4.2l.7 9.5h6.6l.7-9.5"/>',
  terminal: '<path d="m2.5 4 4 4-4 4M8 12.3h5.5"/>',
  panel: '<path d="M1.7 2.7h12.6v10.6H1.7zM10.2 2.7v10.6"/>',
  sun: '<circle cx="8" cy="8" r="2.8"/><path d="M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M12.8 3.2l-1.1 1.1M4.3 11.7l-1.1 1.1"/>',
  moon: '<path d="M13.3 9.6A5.6 5.6 0 0 1 6.4 2.7a5.6 5.6 0 1 0 6.9 6.9z"/>',
  auto: '<circle cx="8" cy="8" r="5.6"/><path d="M8 2.4v11.2A5.6 5.6 0 0 0 8 2.4z" fill="currentColor"/>',
  layers: '<path d="M8 1.8 14.4 5 8 8.2 1.6 5zM1.9 8.2 8 11.2l6.1-3M1.9 11 8 14l6.1-3"/>',
  warning: '<path d="M8 2 14.8 13.6H1.2zM8 6.4v3.4M8 11.6v.3"/>',
  check: '<path d="m3 8.4 3.4 3.4L13 4.8"/>',
} as const;

export type IconName = keyof typeof SHAPES;

const SVG = 'http://www.w3.org/2000/svg';

/** One icon in the colour of the text around it. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.innerHTML = SHAPES[name];
  return svg;
}

/** Three layers, the upper one on top. */
export function logo(): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('class', 'logo');
  svg.setAttribute('aria-hidden', 'true');
  svg.innerHTML =
    '<path class="logo-low" d="M16 15 29 21.5 16 28 3 21.5Z"/>' +
    '<path class="logo-mid" d="M16 9.5 29 16 16 22.5 3 16Z"/>' +
    '<path class="logo-top" d="M16 4 29 10.5 16 17 3 10.5Z"/>';
  return svg;
}
