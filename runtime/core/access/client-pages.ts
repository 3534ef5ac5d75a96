/** How many applications a page holds about. A page is what travels and is written when one of them changed while a gateway was away. */
const perPage = 128
const mostPages = 4096

/** Number of pages for so many applications: a power of two. `before` is kept while it fits, so that growth moves records seldom. */
export function pagesFor(applications: number, before = 1): number {
  let wanted = 1
  while (wanted < mostPages && wanted * perPage < applications) wanted *= 2
  return before >= wanted && before <= wanted * 4 ? before : wanted
}

/** Which page an application is on (FNV-1a, 32 bit, over UTF-16 units). Control and gateways agree on it; do not change it. */
export function bucketOf(id: string, pages: number): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % pages
}
