import { expect, it } from 'vitest'
import { Body } from '../../runtime/core/http/body.ts'
import { listFiles, importsOf, readSource } from '../../test/kit/sources.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createSandbox } from '../../runtime/sandbox/sandbox.ts'
import { transform } from '../transform/transform.ts'
import { map } from './map.ts'
import type { Row } from './mapping/row.ts'
import { toJsonata } from './mapping/to-jsonata.ts'

const make = async (config: object, message: object) => {
  const node = await testNode(map, config)
  return node.sendNow(message)[0]?.message
}
const codes = (rows: unknown, more: object = {}) => checkNode(map, { rows, ...more }).map(({ code }) => code)

it('makes the payload by its rows, at once, and keeps the other fields', async () => {
  const rows = [
    { to: 'name', from: 'payload.station' },
    { to: 'weather.temperatureC', from: 'payload.temp', do: [{ function: 'round', with: [{ value: 1 }] }], default: null },
    { to: 'weather.source', value: 'CWA' },
    { to: 'missing', from: 'payload.not.there' },
  ]
  expect(await make({ rows }, { payload: { station: '大安', temp: '27.45' }, topic: 't' })).toEqual({ payload: { name: '大安', weather: { temperatureC: 27.5, source: 'CWA' } }, topic: 't' })
  expect(await make({ rows }, { payload: Body.ofJsonText('{"station":"信義","temp":"-"}') })).toEqual({ payload: { name: '信義', weather: { temperatureC: null, source: 'CWA' } } })
})

it('puts a body that nobody has read under a field as it is', async () => {
  const [weather, air] = [Body.ofJsonText('{"rain":1}'), Body.ofJsonText('{"pm25":9}')]
  const made = await make({ rows: [{ to: 'weather', from: 'payload.weather' }, { to: 'data.air', from: 'air' }, { to: 'pm25', from: 'other.pm25' }] }, { payload: { weather }, air, other: Body.ofJsonText('{"pm25":9}') })
  expect(made?.payload).toMatchObject({ weather, data: { air }, pm25: 9 })
  expect([weather.parsed, air.parsed]).toEqual([false, false])
})

it('goes through lists, with the item, that around it, its position, and what rows above kept', async () => {
  const rows = [
    { to: '$factor', from: 'payload.factor' },
    { to: 'lines', from: 'payload.lines', each: [
      { to: 'id', from: 'item.id' }, { to: 'no', from: 'position' }, { to: '$double', from: 'item.price', do: [{ function: 'multiply', with: [{ from: '$factor' }] }] },
      { to: 'price', from: '$double' }, { to: 'stops', from: 'item.stops', each: [{ to: '.', from: 'parent.id', do: [{ function: 'append', with: [{ from: 'item' }] }] }] },
    ] },
  ]
  expect((await make({ rows }, { payload: { factor: 2, lines: [{ id: 'a', price: 3, stops: ['x', 'y'] }, { id: 'b' }] } }))?.payload)
    .toEqual({ lines: [{ id: 'a', no: 1, price: 6, stops: ['ax', 'ay'] }, { id: 'b', no: 2 }] })
})

it('a list of one stays a list, and none is the empty one', async () => {
  const rows = [{ to: 'names', from: 'payload.all[].name' }]
  for (const [all, names] of [[[{ name: 'a' }], ['a']], [[], []], [undefined, []], [{ name: 'a' }, ['a']]]) expect((await make({ rows }, { payload: { all } }))?.payload).toEqual({ names })
})

it('puts the result where it is wanted, and takes a body over without parsing it', async () => {
  const body = Body.ofJsonBytes(Buffer.from('{"a":1}'))
  const sent = await make({ into: 'weather', rows: [{ to: '.', from: 'payload' }] }, { payload: body })
  expect(sent?.['weather']).toBe(body)
  expect(body.parsed).toBe(false)
  expect(await make({ into: 'parts.weather', rows: [{ to: '*', from: 'payload' }, { to: 'b', value: 2 }] }, { payload: body })).toEqual({ payload: body, parts: { weather: { a: 1, b: 2 } } })
})

it('reads the facts of the request, and nothing of the response', async () => {
  const req = { get params() { return { district: '信義區' } }, toJSON: () => ({ params: { district: '信義區' } }) }
  expect((await make({ rows: [{ to: 'district', from: 'req.params.district' }, { to: 'res', from: 'res' }] }, { payload: 1, req, res: { secret: 1 } }))?.payload).toEqual({ district: '信義區' })
})

it('no name leads to a prototype, in sources, targets or data', async () => {
  expect(codes([{ to: '__proto__.x', value: 1 }, { to: 'a', from: 'payload.constructor.name' }])).toEqual(['map.target', 'map.source'])
  const sent = await make({ rows: [{ to: '*', from: 'payload' }] }, { payload: Body.ofJsonText('{"__proto__":{"polluted":true}}') })
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  expect(Object.getPrototypeOf(sent?.payload)).toBe(Object.prototype)
})

it('more work than a message may cost is a fault, however the table is written', async () => {
  const many = Array.from({ length: 3000 }, (_, i) => ({ lat: 25 + i / 1e4, lon: 121 }))
  const rows = [{ to: 'near', from: 'payload', each: [{ to: '.', from: 'item', do: [{ function: 'nearest', with: [{ from: 'payload' }] }] }] }]
  await expect(make({ rows }, { payload: many })).rejects.toMatchObject({ code: 'map.limit' })
  const long = [{ to: 'a', from: 'payload.list', each: [{ to: '.', from: 'payload.text', do: [{ function: 'upper' }, { function: 'length' }] }] }]
  await expect(make({ rows: long }, { payload: { list: Array.from({ length: 3000 }, () => 1), text: 'x'.repeat(100_000) } })).rejects.toMatchObject({ code: 'map.limit' })
})

it('refuses what cannot work, with the row and what to do', () => {
  const ok = { to: 'a', from: 'payload' }
  expect(codes([ok])).toEqual([])
  expect(codes([{ ...ok, to: '' }])).toEqual(['map.target'])
  expect(codes([{ to: 'a' }])).toEqual(['map.source'])
  expect(codes([ok, ok])).toEqual(['map.duplicate'])
  expect(codes([ok, { to: 'a.b', value: 1 }])).toEqual(['map.duplicate'])
  expect(codes([ok, { to: '.', value: 1 }])).toEqual(['map.duplicate'])
  expect(codes([{ ...ok, do: [{ function: 'sing' }] }])).toEqual(['map.function'])
  expect(codes([{ ...ok, do: [{ function: 'upper', with: [{ value: 1 }] }] }])).toEqual(['map.arguments'])
  expect(codes([{ ...ok, do: [{ function: 'add' }] }])).toEqual(['map.arguments'])
  expect(codes([{ ...ok, do: [{ function: 'round', with: [{ value: 'two' }] }] }])).toEqual(['map.argument'])
  expect(codes([{ ...ok, do: [{ function: 'unit', with: [{ value: 'km' }, { value: 'kg' }] }] }])).toEqual(['map.argument'])
  expect(codes([{ ...ok, do: [{ function: 'round', with: [{ from: 'payload.digits' }] }] }])).toEqual(['map.argument'])
  expect(codes([{ ...ok, do: [{ function: 'joinLists', with: [{ from: 'other' }, { value: '' }, { value: 'id' }] }] }])).toEqual(['map.join_key'])
  expect(codes([{ to: 'a', from: '$later' }, { to: '$later', value: 1 }])).toEqual(['map.source'])
  expect(codes([{ to: 'a', from: 'item.x' }])).toEqual(['map.source'])
  expect(codes([{ to: '$only', value: 1 }])).toEqual(['map.rows'])
  expect(codes([{ to: 'a', from: 'payload', each: [] }])).toEqual(['map.rows'])
  expect(codes('rows')).toEqual(['config.invalid'])
  expect(codes([null, 3, { to: {}, from: [], do: 'x', each: 'y' }]).length).toBeGreaterThan(3)
  expect(checkNode(map, { rows: [ok, ok] })[0]).toMatchObject({ property: 'rows', message: 'Row 2: “a” is made by a row above as well.', remedy: expect.stringContaining('target field') })
})

it('an empty table is a remark: somebody is about to fill it with the messages that come', () => {
  expect(checkNode(map, {})).toMatchObject([{ code: 'map.rows', severity: 'warning' }])
})

it('an example that is kept shows joins that cannot be', () => {
  const join = (key: string) => [{ to: 'a', from: 'payload', do: [{ function: 'joinLists', with: [{ from: 'other' }, { value: key }, { value: 'sno' }] }] }]
  const example = JSON.stringify({ payload: [{ id: 1 }], other: [{ sno: 1 }] })
  expect(codes(join('id'), { example })).toEqual([])
  expect(codes(join('nr'), { example })).toEqual(['map.join_key'])
  expect(codes(join('nr'), { example: 'no JSON' })).toEqual([])
})

it('its JSONata, put into a transform node, gives the same in the sandbox', async () => {
  const sandbox = createSandbox({ log: silentLog, clock: systemClock, timeoutMs: 5000 })
  try {
    const flow = JSON.parse(readSource('flows/bikes-and-weather/flow.json')) as { type: string; name: string; rows: Row[] }[]
    const { rows } = flow.find((node) => node.name === 'the answer')!
    const message = {
      payload: [{ sna: 'YouBike2.0_松德公園', sarea: '信義區', act: '1', sbi: 9, lat: 25.0386, lng: 121.572, infoTime: '2026-01-05 09:30:00' }],
      weather: [{ name: '大安', lat: 25.0297, lon: 121.5353, temperatureC: 22.1 }, { name: '信義', lat: 25.0378, lon: 121.5646, temperatureC: 22.6 }],
      req: { query: { district: '信義區' } },
    }
    const ours = (await make({ rows }, message))?.payload
    expect(ours).toMatchObject({ district: '信義區', bikes: 9, stations: [{ name: '松德公園', weather: { station: '信義' } }] })
    const node = await testNode(transform, { expression: toJsonata(rows).text }, { sandbox })
    expect((await node.send(message))[0]?.message.payload).toEqual(ours)
  } finally {
    await sandbox.close()
  }
})

it('the page runs what gateways run: the language imports nothing but itself', () => {
  const files = listFiles().filter((file) => file.startsWith('nodes/map/mapping/') && !file.endsWith('.test.ts'))
  expect(files.length).toBeGreaterThan(10)
  for (const file of files) {
    for (const imported of importsOf(file, readSource(file))) expect([file, imported.file ?? imported.package]).toEqual([file, expect.stringMatching(/^nodes\/map\/mapping\//)])
  }
})
