import { collectDefaultMetrics, type Registry } from 'prom-client'

/** How often the event loop is looked at, ms. Each look wakes the process: at the library's 10 ms they are a quarter of the wakes of a gateway that answers 200 calls a second. */
const eventLoopMonitoringPrecision = 100

/** Shows what Prometheus' client libraries say of every process: processor time, memory, garbage collection, event loop lag. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision })
}
