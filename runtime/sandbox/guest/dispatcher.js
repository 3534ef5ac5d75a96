/**
 * Runs a batch of calls of many contexts as one entry into the isolate. It keeps what has finished, so
 * that a batch which is cut off loses nothing, and starts no new call when its time is up.
 * In: `slot,call,length;text` after one another, a `!` before a call that might kill the isolate and must not
 * begin twice, so that what has finished is handed over first and the host knows who began last.
 * Out: `length;text` after one another; then the caller asks `take` how far it came.
 */
(function (handOver) {
  const now = Date.now
  const functions = []
  let out = ''
  let begun = 0
  return {
    register(slot, fn) {
      functions[slot] = fn
    },
    forget(slot) {
      functions[slot] = undefined
    },
    run(text, openMs) {
      const until = now() + openMs
      let at = 0
      out = ''
      begun = 0
      while (at < text.length) {
        if (begun > 0 && now() >= until) break
        const careful = text[at] === '!'
        if (careful) at++
        const comma = text.indexOf(',', at)
        const second = text.indexOf(',', comma + 1)
        const colon = text.indexOf(';', second + 1)
        const end = colon + 1 + +text.slice(second + 1, colon)
        const fn = functions[+text.slice(at, comma)]
        const input = text.slice(colon + 1, end)
        if (careful) {
          handOver(begun, out)
          out = ''
        }
        begun++
        at = end
        let result
        try {
          result = fn('c', input, +text.slice(comma + 1, second))
        } catch {}
        if (typeof result !== 'string') result = 'E{"message":"The script used up its stack."}'
        out += result.length + ';' + result
      }
      return out
    },
    take() {
      const text = begun + '|' + out
      out = ''
      return text
    },
  }
})
