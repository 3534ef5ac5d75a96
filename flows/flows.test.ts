import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFlowBench, type FlowBench } from '../runtime/cli/flow-bench.ts'
import { sampleFlows } from '../runtime/cli/samples.ts'
import { testFlows } from '../runtime/cli/test-flows.ts'
import { capturedDocuments, sampleDocuments } from './sample-upstream/documents.ts'
import { openSampleUpstream, type SampleUpstream, type ServedDocument } from './sample-upstream/service.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const captured = join(here, '..', '..', 'shared', 'data')
const districts = ['中正區', '大同區', '中山區', '松山區', '大安區', '萬華區', '信義區', '士林區', '北投區', '內湖區', '南港區', '文山區']

test('every sample flow keeps the promises of its cases', async () => {
  const outcomes = await testFlows(here)
  expect(new Set(outcomes.map((one) => one.flow))).toEqual(new Set(sampleFlows))
  expect(outcomes.filter((one) => !one.ok)).toEqual([])
})

describe.each([
  { name: 'the sample upstream', available: true, documents: () => sampleDocuments(new Date()) },
  { name: 'captured answers of the real services', available: existsSync(join(captured, 'youbike_immediate.json')), documents: () => capturedDocuments(captured, new Date()) },
])('with $name', ({ available, documents }: { available: boolean; documents: () => ServedDocument[] }) => {
  let upstream: SampleUpstream
  let bench: FlowBench
  beforeAll(async () => {
    if (!available) return
    upstream = await openSampleUpstream({ documents: documents(), host: '127.0.0.1', port: 0 })
    bench = await openFlowBench(sampleFlows.map((name) => join(here, name, 'flow.json')), { sampleUrl: upstream.url })
  })
  afterAll(async () => {
    await bench?.close()
    await upstream?.close()
  })

  test.skipIf(!available)('every district of Taipei has bikes, a forecast, a weather station near by, and says how old each source is', async () => {
    for (const district of districts) {
      const failures = await bench.run({
        name: district,
        request: { url: `/taipei/today?district=${district}` },
        expect: {
          status: 200,
          json: { city: '臺北市', district },
          jsonata: [
            '$count(body.forecast.periods) = 3',
            'body.youbike.stationCount > 0',
            'body.youbike.bikes + body.youbike.freeDocks <= body.youbike.docks',
            'body.weather.distanceKm >= 0 and body.weather.distanceKm < 12',
            'body.weather.temperatureC > -20',
            '$count(body.sources[$type(ageMinutes) = "number" and $type(observedAt) = "string"]) = 3',
          ],
        },
      })
      expect(failures, district).toEqual([])
    }
  })

  test.skipIf(!available)('every district has bikes, and a thermometer near by, by tables alone', async () => {
    for (const district of districts) {
      const jsonata = 'body.stations[0].weather.distanceM < 12000 and body.stations[0].weather.temperatureC > -20'
      expect(await bench.run({ name: district, request: { url: `/taipei/bikes?district=${district}` }, expect: { status: 200, json: { district }, jsonata } }), district).toEqual([])
    }
  })

  test.skipIf(!available)('the classic flow lists the stations of a district', async () => {
    expect(await bench.run({ name: 'stations', request: { url: '/youbike/松山區' }, expect: { status: 200, json: { district: '松山區' }, jsonata: '$count(body.stations) > 0' } })).toEqual([])
  })
})

test('the sample upstream answers conditional requests without a body', async () => {
  const upstream = await openSampleUpstream({ documents: sampleDocuments(new Date()), host: '127.0.0.1', port: 0 })
  try {
    const url = `${upstream.url}/youbike/v2/youbike_immediate.json`
    const first = await fetch(url)
    await first.text()
    const again = await fetch(url, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } })
    expect([first.status, again.status, await again.text()]).toEqual([200, 304, ''])
    expect((await fetch(`${upstream.url}/nothing`)).status).toBe(404)
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(405)
  } finally {
    await upstream.close()
  }
})
