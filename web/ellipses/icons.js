/** Outlines on a 16 by 16 grid, drawn with a stroke. */
export const ICONS = {
  add: 'M8 3v10M3 8h10',
  duplicate: 'M6 6h7v7H6zM10 6V3H3v7h3',
  remove: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5M7 7v4M9 7v4',
  field: 'M8 13.5A5.5 5.5 0 1 0 8 2.5a5.5 5.5 0 0 0 0 11zM8 10.2A2.2 2.2 0 1 0 8 5.8a2.2 2.2 0 0 0 0 4.4z',
  onion: 'M6 12.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9zM10 3.5a4.5 4.5 0 0 1 0 9',
  fitAlpha: 'M2.5 5V2.5H5M11 2.5h2.5V5M13.5 11v2.5H11M5 13.5H2.5V11M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  fitView: 'M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3',
  previousKey: 'M9 4L5 8l4 4M12.5 6l-2 2 2 2 2-2z',
  nextKey: 'M7 4l4 4-4 4M3.5 6l-2 2 2 2 2-2z',
  addKey: 'M6.5 5L3 8.5 6.5 12 10 8.5zM12.5 2.5v5M10 5h5',
  removeKey: 'M6.5 5L3 8.5 6.5 12 10 8.5zM10 5h5',
  copyKey: 'M6 3.5L2.5 7 6 10.5 9.5 7zM11 6.5L14 9.5l-3.5 3.5L8 11',
  pasteKey: 'M4 3.5H3v10h10v-10h-1M5.5 2.5h5v2h-5zM8 6.5L6 8.5M8 6.5l2 2M8 6.5v5',
  loop: 'M4 6.5a4.2 4.2 0 0 1 7.8-1M12 2.5v3H9M12 9.5a4.2 4.2 0 0 1-7.8 1M4 13.5v-3h3',
  close: 'M4 4l8 8M12 4l-8 8',
}
