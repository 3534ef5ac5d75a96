import { expect, it } from 'vitest'
import { createMetrics } from './metrics.ts'

const zeros = Array.from({ length: 10 }, () => 0)
const facts = (name: string, more: object = {}) => ({ name, scope: 'gateway' as const, slots: 20, paused: false, waiting: zeros.with(9, 3), active: zeros.with(5, 20), longestWaitMs: 1500, serviceMs: 50, ...more })

it('says by line and priority who waits, was served after how long, and was refused why', async () => {
  const metrics = createMetrics({ process: false })
  metrics.queues.watch(() => [{ facts: () => facts('host'), estimateMs: (priority) => priority * 100 }])
  metrics.queues.served('host', 0, 3)
  metrics.queues.served('host', 0, 40)
  metrics.queues.served('host', 0, 60_000)
  metrics.queues.served('*gateway', undefined, 0)
  metrics.queues.refused('host', 9, 'evicted')
  const text = await metrics.text()
  for (const line of [
    'sluice_queue_waiting{line="host",priority="9"} 3',
    'sluice_queue_waiting{line="host",priority="0"} 0',
    'sluice_queue_under_way{line="host"} 20',
    'sluice_queue_slots{line="host"} 20',
    'sluice_queue_longest_wait_seconds{line="host"} 1.5',
    'sluice_queue_expected_wait_seconds{line="host",priority="9"} 0.9',
    'sluice_queue_served_total{line="host",priority="0"} 3',
    'sluice_queue_served_total{line="*gateway",priority="none"} 1',
    'sluice_queue_refused_total{line="host",priority="9",reason="evicted"} 1',
    'sluice_queue_wait_seconds_bucket{le="0.005",line="host",priority="0"} 1',
    'sluice_queue_wait_seconds_bucket{le="0.05",line="host",priority="0"} 2',
    'sluice_queue_wait_seconds_bucket{le="30",line="host",priority="0"} 2',
    'sluice_queue_wait_seconds_bucket{le="+Inf",line="host",priority="0"} 3',
    'sluice_queue_wait_seconds_count{line="host",priority="0"} 3',
  ]) expect(text).toContain(line)
  expect(text).toMatch(/sluice_queue_wait_seconds_sum\{line="host",priority="0"\} 60\.043/)
})

it('keeps the number of series bounded, whatever lines come', async () => {
  const metrics = createMetrics({ process: false })
  metrics.queues.watch(() => Array.from({ length: 1000 }, (_, at) => ({ facts: () => facts(`line ${at}`) })))
  for (let at = 0; at < 1000; at += 1) metrics.queues.served(`line ${at}`, 5, 1)
  const text = await metrics.text()
  expect(text).toContain('sluice_queue_served_total{line="other",priority="5"} 800')
  expect(text.split('\n').filter((line) => line.startsWith('sluice_queue_under_way{'))).toHaveLength(200)
})
