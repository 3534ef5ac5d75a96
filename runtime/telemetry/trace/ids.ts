/** Ids of traces and spans: random, no secret, made often. */
export function createIds(random: () => number = Math.random): { traceId(): string; spanId(): string } {
  const eight = () => Math.floor(random() * 0x1_0000_0000).toString(16).padStart(8, '0')
  const sixteen = () => {
    for (;;) {
      const id = eight() + eight()
      if (id !== '0000000000000000') return id
    }
  }
  return { traceId: () => sixteen() + sixteen(), spanId: sixteen }
}
