import { collectDefaultMetrics, type Registry } from 'prom-client'

/** How often the event loop is looked at, ms. A look wakes an idle process: at the library's 10 ms, four gateways on a core spend a hundredth of it so. */
const eventLoopMonitoringPrecision = 100

/** Shows what Prometheus' client libraries say of every process: processor time, memory, garbage collection, event loop lag. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision })
}
