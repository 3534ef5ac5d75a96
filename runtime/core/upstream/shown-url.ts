/** More of a URL than this tells nobody anything. */
const longest = 200

/**
 * A callout's URL as faults and log lines may show it, whether it can be parsed or not: without what stands before
 * an `@` (user and password), without query and fragment (keys travel there), and not endless.
 */
export function shownUrl(url: string): string {
  const address = url.slice(0, url.search(/[?#]|$/))
  // The URL standard takes backslashes for slashes.
  return address.replace(/^([\s]*[a-z][a-z\d+.-]*:)?([/\\]*)[^/\\]*@/i, '$1$2').slice(0, longest)
}
