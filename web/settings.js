/** What the settings panel of ComfyUI offers for this pack. Python reads it from the host's settings file. */

/** A larger clip lies in a file of the temp folder. The Chinese words are in locales/zh/settings.json. */
export const CLIP_MEMORY = {
  id: 'RGBAVideo.clipMemory',
  category: ['RGBA Video', 'Memory', 'Clip memory'],
  name: 'Memory for a clip (% of what is free)',
  tooltip:
    'A clip that needs more than this share of the free memory lies in a file of the temp folder while it is used. ' +
    '100 keeps every clip in memory; 0 puts every large clip into a file.',
  type: 'slider',
  attrs: { min: 0, max: 100, step: 5 },
  defaultValue: 25,
}
