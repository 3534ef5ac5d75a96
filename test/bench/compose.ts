import { join } from 'node:path'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { flow } from '../kit/flow-builder.ts'
import { root } from '../kit/sources.ts'
import { startChild } from './child.ts'
import type { Contestant, Running } from './contestant.ts'
import { fanOutContestants, fanOutPath } from './fan-out.ts'
import { counties } from './hand/documents.mjs'
import { startUpstream } from './hand.ts'
import { loadCore, serverCore } from './machine.ts'
import { hasLua, nginxLua, proxied } from './nginx.ts'
import { ours } from './ours.ts'
import { measure, type Measured } from './rounds.ts'
import type { BenchOptions, Row, Scenario } from './scenario.ts'

/** Requests of the check per second, beside the load. */
const checkPauseMs = 40

interface Checked {
  checks: number
  stale: number
}

/** The real composition: forecast and observations of a county out of two documents of 100 KB each. */
export function composition(upstream: number): EditorNode[] {
  const callout = (path: string) => ({ method: 'GET', url: `http://127.0.0.1:${upstream}/${path}` })
  return flow('weather')
    .httpIn('GET', '/weather')
    .node('parallel', { branches: ['forecast', 'observation'].map((name) => ({ name, ifFails: 'fail', value: 'null', valueType: 'json', timeoutMs: 0, unread: false })) }, 3).as('both')
    .node('service callout', callout('forecast'), 2).node('end', {}, 0)
    .from('both', 1).node('service callout', callout('observation'), 2).node('end', {}, 0)
    .from('both', 2)
    .node('map', {
      rows: [
        { to: 'county', from: 'req.query.county' },
        { to: 'asOf.forecast', from: 'payload.forecast.records.datasetDescription' },
        { to: 'asOf.observation', from: 'payload.observation.records.datasetDescription' },
        { to: '$place', from: 'payload.forecast.records.location', do: [{ function: 'find', with: [{ value: 'locationName' }, { from: 'req.query.county' }] }] },
        { to: 'forecast', from: '$place.weatherElement', each: [{ to: 'name', from: 'item.elementName' }, { to: 'value', from: 'item.time[0].parameter.parameterName' }] },
        {
          to: 'stations', from: 'payload.observation.records.location', do: [{ function: 'filter', with: [{ value: 'parameter[0].parameterValue' }, { value: 'is' }, { from: 'req.query.county' }] }],
          each: [{ to: 'station', from: 'item.locationName' }, { to: 'temp', from: 'item.weatherElement[0].elementValue' }],
        },
      ],
    })
    .node('respond', {}, 0)
    .nodes()
}

/** Rows `unchanged` and `changing`; every answer has to be as new as its request. */
export const compose: Scenario = {
  name: 'compose',
  async run(options) {
    const rows: Row[] = []
    const facts: Record<string, unknown> = {}
    for (const mode of ['still', 'moving'] as const) {
      const row = mode === 'still' ? 'unchanged' : 'changing'
      const upstream = await startApp('weather-upstream', [mode], loadCore)
      try {
        const checked: Record<string, Checked> = {}
        const contestants: Contestant[] = [
          ours(composition(upstream.port), { SLUICE_EGRESS_ALLOW: `127.0.0.1:${upstream.port}` }),
          { name: 'hand', start: () => startApp('weather', [String(upstream.port), 'plain'], serverCore) },
          ...(mode === 'still' ? [{ name: 'tricks', start: () => startApp('weather', [String(upstream.port), 'tricks'], serverCore) }] : []),
          ...(hasLua() ? [nginxLua(upstream.port, weatherInLua, `/weather?county=${encodeURIComponent(counties[0] as string)}`)] : []),
        ]
        const load = { paths: counties.map((county: string) => `/weather?county=${encodeURIComponent(county)}`), connections: 32 }
        const measured = await measure(
          contestants.filter((one) => options.only?.includes(one.name) ?? true).map((one) => withCheck(one, upstream.port, (checked[one.name] = { checks: 0, stale: 0 }))),
          load,
          { ...options, saturation: 0.95, mostConnections: 64 },
        )
        for (const [name, one] of Object.entries(measured)) options.say(`  ${row} ${name.padEnd(8)} ${Math.round(one.requestsPerSecond).toLocaleString('en').padStart(7)} req/s  p50 ${one.p50Ms.toFixed(1)} ms  core ${(one.busy * 100).toFixed(0)} %  ${one.cpuUs.toFixed(0)} µs CPU each  ${checked[name]?.checks} fresh looks, ${checked[name]?.stale} stale${one.bad > 0 ? `  ${one.bad} BAD: ${one.why}` : ''}  (${algorithms[name]?.[mode] ?? ''})`)
        rows.push(...compare(row, mode, measured, checked))
        facts[row] = Object.fromEntries(['ours', 'hand', 'tricks', 'nginxLua'].map((name) => [name, measured[name] ? Math.round(measured[name].requestsPerSecond) : null]))
      } finally {
        await upstream.stop()
      }
    }
    await measureFanOut(options, rows, facts)
    return { rows, facts }
  },
}

/** Row `fanOut`: three calls at once. */
async function measureFanOut(options: BenchOptions, rows: Row[], facts: Record<string, unknown>): Promise<void> {
  const upstream = await startUpstream()
  try {
    const contestants = fanOutContestants(upstream.port, hasLua()).filter((one) => options.only?.includes(one.name) ?? true)
    const measured = await measure(contestants, { paths: [fanOutPath], connections: 32 }, { ...options, saturation: 0.95, mostConnections: 128 })
    for (const [name, one] of Object.entries(measured)) options.say(`  fanOut ${name.padEnd(8)} ${Math.round(one.requestsPerSecond).toLocaleString('en').padStart(7)} req/s  p50 ${one.p50Ms.toFixed(1)} ms  core ${(one.busy * 100).toFixed(0)} %  ${one.cpuUs.toFixed(0)} µs CPU each${one.bad > 0 ? `  ${one.bad} BAD: ${one.why}` : ''}`)
    const own = measured['ours']
    const least: Readonly<Record<string, number | undefined>> = { hand: 0.9, nodeRed: 8 }
    for (const [name, other] of Object.entries(measured)) {
      if (!own || name === 'ours') continue
      const ratio = own.requestsPerSecond / other.requestsPerSecond
      const target = least[name]
      rows.push({ label: `compose three at once ÷ ${name}`, value: `${ratio.toFixed(2)}  (${Math.round(own.requestsPerSecond)} ÷ ${Math.round(other.requestsPerSecond)} req/s)`, target: target === undefined ? '' : `≥ ${target}`, ...(target === undefined ? {} : { pass: ratio >= target }) })
    }
    facts['fanOut'] = Object.fromEntries(['ours', 'hand', 'nodeRed', 'nginxLua'].map((name) => [name, measured[name] ? Math.round(measured[name].requestsPerSecond) : null]))
  } finally {
    await upstream.stop()
  }
}

const algorithms: Readonly<Record<string, Readonly<Record<'still' | 'moving', string>>>> = {
  ours: { still: 'asks whether the documents still hold, parses what changed, remembers the table', moving: 'fetches, parses, fills the table each time' },
  hand: { still: 'fetches and parses each time', moving: 'fetches and parses each time' },
  tricks: { still: 'asks whether the documents still hold, parses what changed', moving: '' },
  nginxLua: { still: 'fetches both at once and decodes each time', moving: 'fetches both at once and decodes each time' },
}

function compare(row: string, mode: 'still' | 'moving', measured: Readonly<Record<string, Measured>>, checked: Readonly<Record<string, Checked>>): Row[] {
  const { ours: own } = measured
  if (!own) return []
  const stale = checked.ours?.stale ?? 0
  const least: Record<string, number> = mode === 'still' ? { hand: 3, tricks: 0.9, nginxLua: 3 } : { hand: 0.9 }
  const doubt = Object.entries(measured).filter(([, one]) => one.bad > 0).map(([name, one]) => `${name}: ${one.bad} bad answers (${one.why})`).join('; ')
  return [
    ...Object.entries(measured).filter(([name]) => name !== 'ours').map(([name, other]): Row => {
      const ratio = own.requestsPerSecond / other.requestsPerSecond
      const target = least[name]
      return { label: `compose ${row} ÷ ${name}`, value: `${ratio.toFixed(2)}  (${Math.round(own.requestsPerSecond)} ÷ ${Math.round(other.requestsPerSecond)} req/s)`, target: target === undefined ? '' : `≥ ${target}`, ...(target === undefined ? {} : { pass: ratio >= target }), ...(doubt === '' ? {} : { doubt }) }
    }),
    { label: `compose ${row}: answers older than their request`, value: `${stale} of ${checked.ours?.checks ?? 0}`, target: '0', pass: stale === 0 && (checked.ours?.checks ?? 0) > 0 },
  ]
}

/** Asks now and then, while the load runs: what the upstream had before the question must be in the answer. */
function withCheck(contestant: Contestant, upstream: number, checked: Checked): Contestant {
  return {
    ...contestant,
    async start() {
      const running = await contestant.start()
      let over = false
      const watching = (async () => {
        while (!over) {
          await new Promise((resolve) => setTimeout(resolve, checkPauseMs))
          try {
            const before = Number(await (await fetch(`http://127.0.0.1:${upstream}/version`)).text())
            const answer = (await (await fetch(`http://127.0.0.1:${running.port}/weather?county=${encodeURIComponent(counties[0] as string)}`)).json()) as { asOf: Record<string, string>; forecast: unknown[]; stations: unknown[] }
            checked.checks += 1
            if (Object.values(answer.asOf).some((text) => Number(text.slice(1)) < before)) checked.stale += 1
            if (answer.forecast.length !== 5 || answer.stations.length < 6) throw new Error(`${contestant.name} answered something else: ${JSON.stringify(answer).slice(0, 200)}`)
          } catch (error) {
            if (!over) throw error
          }
        }
      })()
      watching.catch(() => (checked.stale += 1_000_000))
      return {
        ...running,
        async stop() {
          over = true
          await watching.catch(() => {})
          await running.stop()
        },
      }
    },
  }
}

async function startApp(app: string, args: readonly string[], core: number): Promise<Running> {
  const child = startChild(process.execPath, [join(root, 'test', 'bench', 'hand', `${app}.mjs`), ...args], { core })
  const port = await child.line((line) => (line.startsWith('{') ? (JSON.parse(line) as { port: number }).port : undefined))
  return { port, pid: child.pid, stop: () => child.stop() }
}

/** The same composition in Lua. */
const weatherInLua = `
  location /forecast { internal; ${proxied} }
  location /observation { internal; ${proxied} }
  location = /weather {
    default_type application/json;
    content_by_lua_block {
      local cjson = require 'cjson'
      local county = ngx.unescape_uri(ngx.var.arg_county)
      local first, second = ngx.location.capture_multi { { '/forecast' }, { '/observation' } }
      local forecast, observation = cjson.decode(first.body), cjson.decode(second.body)
      local elements, stations = {}, {}
      for _, place in ipairs(forecast.records.location) do
        if place.locationName == county then
          for _, one in ipairs(place.weatherElement) do elements[#elements + 1] = { name = one.elementName, value = one.time[1].parameter.parameterName } end
        end
      end
      for _, one in ipairs(observation.records.location) do
        if one.parameter[1].parameterValue == county then stations[#stations + 1] = { station = one.locationName, temp = one.weatherElement[1].elementValue } end
      end
      ngx.say(cjson.encode { county = county, asOf = { forecast = forecast.records.datasetDescription, observation = observation.records.datasetDescription }, forecast = elements, stations = stations })
    }
  }`
