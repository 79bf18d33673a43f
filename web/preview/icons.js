/** Pictures of the transport: outlines on a 16 by 16 grid, drawn with a stroke. */

export const PLAY = 'M5 3l7.5 5L5 13z'
export const PAUSE = 'M5.5 3v10M10.5 3v10'
export const PREVIOUS = 'M10.5 4L6 8l4.5 4zM4.5 4v8'
export const NEXT = 'M5.5 4L10 8l-4.5 4zM11.5 4v8'
