import { expect, test } from 'vitest'
import { parseWrk } from './wrk.ts'

test('rates, latencies in any unit, bad answers and broken sockets are read from the report', () => {
  const output = `  Latency Distribution
     50%  375.00us
     75%    1.10ms
     90%    2.00ms
     99%    1.25s
  50000 requests in 5.00s, 10.00MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:  10000.50
Transfer/sec:      2.00MB
`
  expect(parseWrk(output)).toEqual({ requestsPerSecond: 10_000.5, p50Ms: 0.375, p99Ms: 1250, bad: 13, sockets: 6 })
})
