import { expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import { fanOutNodes, fanOutPath } from './fan-out.ts'
import { hand, startLateUpstream, startWeatherUpstream } from './hand.ts'
import { untouchedNodes, untouchedPath } from './untouched.ts'

test('what is compared answers the same: three calls at once, and one whose body goes through untouched', async () => {
  const [weather, late] = await Promise.all([startWeatherUpstream(), startLateUpstream(5)])
  const gateway = await startGateway({ nodes: [...untouchedNodes(weather.port), ...fanOutNodes(late.port)], settings: { SLUICE_EGRESS_ALLOW: `127.0.0.1:${weather.port},127.0.0.1:${late.port}` } })
  const [untouched, fanOut] = await Promise.all([hand('untouched', String(weather.port)).start(), hand('fan-out', String(late.port)).start()])
  try {
    const ask = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>
    const shape = ({ observation, ...rest }: Record<string, unknown>) => [Object.keys(rest).toSorted(), (observation as { records: { location: unknown[] } }).records.location]
    expect(shape(await ask(`${gateway.url}${untouchedPath}`))).toEqual(shape(await ask(`http://127.0.0.1:${untouched.port}${untouchedPath}`)))
    expect(await ask(`${gateway.url}${fanOutPath}`)).toEqual(await ask(`http://127.0.0.1:${fanOut.port}${fanOutPath}`))
  } finally {
    await Promise.all([gateway.close(), untouched.stop(), fanOut.stop(), weather.stop(), late.stop()])
  }
})
