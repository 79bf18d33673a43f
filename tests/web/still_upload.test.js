import assert from 'node:assert/strict'
import { test } from 'node:test'

import { freeName, nameOf } from '../../web/still_upload.js'

const stills = (...names) => names.map((name) => ({ file: { name }, folder: '' }))

test('stills are called what their names have before the number', () => {
  assert.equal(nameOf(stills('parrot_v001.json', 'parrot_v001.1001.png')), 'parrot_v001')
  assert.equal(nameOf(stills('render_00007_.exr')), 'render')
  assert.equal(nameOf(stills('0001.tif')), 'stills')
  assert.equal(nameOf(stills('鹦鹉.12.tga')), '鹦鹉')
})

test('a name that is taken gets a number', () => {
  assert.equal(freeName('parrot', []), 'parrot')
  assert.equal(freeName('parrot', ['parrot', 'parrot_2']), 'parrot_3')
  assert.equal(freeName('parrot', ['parrot/rgba', 'parrot/matte']), 'parrot_2')
})
