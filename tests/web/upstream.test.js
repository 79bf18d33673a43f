import assert from 'node:assert/strict'
import { test } from 'node:test'

import { upstreamOf } from '../../web/upstream.js'

/** A graph of nodes by id and links [from, slot, to, slot]; input slots are named as in `inputs`. */
function graphOf(nodes, links, id = 'root') {
  const graph = { id, nodes: [], getNodeById: (wanted) => graph.nodes.find((node) => node.id === wanted) ?? null }
  const table = links.map(([origin_id, origin_slot, target_id]) => ({ origin_id, origin_slot, target_id }))
  graph.getLink = (k) => table[k]
  graph.nodes = Object.entries(nodes).map(([key, { inputs = ['image'], ...rest }]) => ({
    id: Number(key),
    graph,
    inputs: inputs.map((name, slot) => {
      const link = links.findIndex(([, , to, input]) => to === Number(key) && input === slot)
      return { name, link: link < 0 ? null : link }
    }),
    outputs: [0, 1].map((slot) => ({
      links: [...links.keys()].filter((k) => links[k][0] === Number(key) && links[k][1] === slot),
    })),
    ...rest,
  }))
  return graph
}

const EDITOR = { inputs: ['other', 'background'] }
const shown = (...names) => ({ images: names.map((filename) => ({ filename, subfolder: 'a', type: 'temp' })) })
const find = (graph, outputs = {}, node = graph.getNodeById(9), root = graph) =>
  upstreamOf({ root, outputs, url: (route) => route }, node, 'background')
const url = (name, type = 'temp', subfolder = 'a') => `/view?filename=${name}&subfolder=${subfolder}&type=${type}`

test('nothing is linked: no picture', () => {
  assert.equal(find(graphOf({ 9: EDITOR }, [])), null)
})

test('what the node before showed in its last run', () => {
  const graph = graphOf({ 1: {}, 9: EDITOR }, [[1, 0, 9, 1]])
  assert.deepEqual(find(graph, { 1: shown('a.png', 'b.png') }), { kind: 'images', urls: [url('a.png'), url('b.png')] })
})

test('what a preview showed of the same output, and not of another', () => {
  const graph = graphOf({ 1: {}, 2: {}, 3: {}, 9: EDITOR }, [[1, 0, 9, 1], [1, 1, 2, 0], [1, 0, 3, 0]])
  const found = find(graph, { 2: shown('alpha.png'), 3: shown('rgb.png') })
  assert.deepEqual(found, { kind: 'images', urls: [url('rgb.png')] })
})

test('the file that a loader is set to, through the nodes between', () => {
  const loader = { inputs: [], widgets: [{ name: 'image', value: 'folder/a.png [input]' }] }
  const graph = graphOf({ 1: loader, 2: {}, 3: {}, 9: EDITOR }, [[1, 0, 2, 0], [2, 0, 3, 0], [3, 0, 9, 1]])
  assert.deepEqual(find(graph), { kind: 'images', urls: [url('a.png', 'input', 'folder')] })
})

test('a video file is a video', () => {
  const loader = { inputs: [], widgets: [{ name: 'file', value: 'a b.webm' }] }
  const graph = graphOf({ 1: loader, 9: EDITOR }, [[1, 0, 9, 1]])
  assert.deepEqual(find(graph), { kind: 'video', url: url('a+b.webm', 'input', '') })
})

test('the nearest picture wins', () => {
  const far = { inputs: [], widgets: [{ name: 'image', value: 'far.png' }] }
  const graph = graphOf({ 1: far, 2: {}, 9: EDITOR }, [[1, 0, 2, 0], [2, 0, 9, 1]])
  assert.deepEqual(find(graph, { 2: shown('near.png') }).urls, [url('near.png')])
})

test('a loop of links ends', () => {
  assert.equal(find(graphOf({ 1: {}, 2: {}, 9: EDITOR }, [[1, 0, 2, 0], [2, 0, 1, 0], [2, 0, 9, 1]])), null)
})

test('the way leads out of a subgraph', () => {
  const inner = graphOf({ 9: EDITOR }, [[-10, 0, 9, 1]], 'inner')
  const outer = graphOf({ 1: {}, 5: { subgraph: inner } }, [[1, 0, 5, 0]])
  assert.deepEqual(find(outer, { 1: shown('a.png') }, inner.getNodeById(9), outer)?.urls, [url('a.png')])
})

test('inside a subgraph nodes are known by the id of the graph', () => {
  const inner = graphOf({ 1: {}, 9: EDITOR }, [[1, 0, 9, 1]], 'inner')
  const outer = graphOf({}, [])
  const outputs = { 1: shown('wrong.png'), 'inner:1': shown('right.png') }
  assert.deepEqual(find(outer, outputs, inner.getNodeById(9), outer)?.urls, [url('right.png')])
})

test('records of another shape are passed over', () => {
  const graph = graphOf({ 1: {}, 9: EDITOR }, [[1, 0, 9, 1]])
  for (const record of [null, {}, { images: 'x' }, { images: [null, {}, { filename: 5 }] }, { text: ['hello'] }]) {
    assert.equal(find(graph, { 1: record }), null)
  }
})
