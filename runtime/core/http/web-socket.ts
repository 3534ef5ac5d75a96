/** Whether a request asks to speak WebSocket from its answer on (RFC 6455 §4.1). */
export function asksForWebSocket({ method, headers }: { readonly method?: string | undefined; readonly headers: Readonly<Record<string, string | string[] | undefined>> }): boolean {
  return method === 'GET' && String(headers['upgrade']).toLowerCase() === 'websocket' && /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(String(headers['connection']))
}
