/** Elements by hand: no markup is ever parsed, so a text stays a text. */

/** @typedef {Readonly<Record<string, string | number | boolean | null | undefined>>} Attributes */

const SVG = 'http://www.w3.org/2000/svg'

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  set(element, attributes)
  element.append(...children)
  return element
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag)
  set(element, attributes)
  element.append(...children)
  return element
}

/**
 * Sets the attributes that differ; null, undefined and false take one away.
 *
 * @param {Element} element
 * @param {Attributes} attributes
 */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name)
    else {
      const text = value === true ? '' : typeof value === 'number' ? String(Math.round(value * 100) / 100) : value
      if (element.getAttribute(name) !== text) element.setAttribute(name, text)
    }
  }
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * Keeps one element per item, in order, made once and then only updated, so that focus and a captured pointer stay.
 *
 * @template Item
 * @template {Element} Made
 * @param {Element} parent
 * @param {(item: Item) => string | number} keyOf
 * @param {(item: Item) => Made} make
 */
export function keyed(parent, keyOf, make) {
  /** @type {Map<string | number, Made>} */
  let made = new Map()

  /** @param {readonly Item[]} items @param {(element: Made, item: Item) => void} update */
  return function render(items, update) {
    const now = new Map(items.map((item) => [keyOf(item), made.get(keyOf(item)) ?? make(item)]))
    for (const [key, element] of made) if (!now.has(key)) element.remove()
    let place = parent.firstElementChild
    for (const element of now.values()) {
      if (element === place) place = place.nextElementSibling
      else parent.insertBefore(element, place)
    }
    made = now
    for (const item of items) update(/** @type {Made} */ (now.get(keyOf(item))), item)
  }
}

/** A button that shows only a picture; its label is read out and stands in the tooltip.
 * @param {string} icon  a path on a 16 by 16 grid @param {string} label @param {() => void} act */
export function iconButton(icon, label, act) {
  const picture = svg('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: icon }))
  const button = html('button', { type: 'button', class: 'icon', title: label, 'aria-label': label }, picture)
  button.addEventListener('click', act)
  return button
}

/** The class that gives an ellipse its colour. @param {number} index */
export function colourOf(index) {
  return `colour-${index % 8}`
}
