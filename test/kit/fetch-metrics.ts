/** The Prometheus text of a gateway. */
export async function fetchMetrics(opsUrl: string): Promise<string> {
  return await (await fetch(`${opsUrl}/metrics`)).text()
}
