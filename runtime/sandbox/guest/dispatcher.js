/**
 * Runs a batch of calls of many contexts as one entry into the isolate. It keeps what has finished, so
 * that a batch which is cut off loses nothing, and starts no new call when its time is up. Body of a function, after codec.js.
 * In: `slot,call,length;text` after one another, a `!` before a call that might kill the isolate and must not
 * begin twice, so that what has finished is handed over first and the host knows who began last.
 * Out: `length;text` after one another; of a batch that was cut the caller asks `take` how many began and ended, and for the rest.
 *
 * Plain functions (message in, message out) are run from here, so that the code around them is one for all contexts
 * and stays in the processor's caches. Nothing of this context may ever reach theirs, neither a function nor an object
 * nor an error: whatever their code is given is made by their own context (`parse`, `read`, `finish`, `failed`), and what
 * goes wrong here, outside their code, is answered here.
 */
return function setup(handOver) {
  const now = Date.now
  const { stringify } = JSON
  const { hasOwn } = Object
  const functions = []
  const plain = []
  let out = ''
  let batch = 0
  let begun = 0
  let ended = 0

  /** What a plain function answers with, in the forms of frames.ts. */
  function runPlain(f, text) {
    // Called as plain functions: `this` of a method call would be an object of this context, and stacks show it.
    const { fn, parse, read, finish, failed, writes, cameIn } = f
    const json = text.startsWith('J0') ? text.slice(2) : undefined
    let message
    let answer
    let before
    try {
      message = json === undefined ? read(text) : parse(json)
      for (let i = 0; i < writes.length; i++) if (cameIn[i]) (before ??= [])[i] = message[writes[i]]
      answer = fn(message, undefined)
    } catch (error) {
      return failed(error)
    }
    if (answer === null || answer === undefined) return 'N'
    if (answer !== message) return finish(message, answer)
    try {
      const same = writeSame(f, message, before)
      if (same !== undefined) return same
    } catch {}
    return finish(message, answer)
  }

  /** The same message with at most its payload changed; `undefined` for whatever else, which its own context writes. */
  function writeSame({ writes, cameIn, prototype }, message, before) {
    let payload
    for (let i = 0; i < writes.length; i++) {
      const key = writes[i]
      if (!hasOwn(message, key)) {
        if (cameIn[i]) return undefined
        continue
      }
      const value = message[key]
      if (cameIn[i] && typeof value !== 'object' && value === before[i]) continue
      if (key !== 'payload' || value === undefined || !isJson(value, 0, prototype)) return undefined
      payload = value
    }
    return payload === undefined ? 'Sk' : 'Sp' + stringify(payload)
  }

  function call(slot, id, text) {
    const f = plain[slot]
    if (f !== undefined) return runPlain(f, text)
    const enter = functions[slot]
    return enter('c', text, id)
  }

  return {
    register(slot, enter) {
      functions[slot] = enter
      const given = enter('d')
      if (given === undefined) return
      const { fn, read, parse, prototype, finish, failed } = given
      const writes = []
      const cameIn = []
      for (let i = 0; i < given.writes.length; i++) {
        writes[i] = given.writes[i]
        cameIn[i] = given.cameIn[i]
      }
      plain[slot] = { fn, read, parse, prototype, finish, failed, writes, cameIn }
    },
    forget(slot) {
      functions[slot] = undefined
      plain[slot] = undefined
    },
    run(number, text, openMs) {
      const until = now() + openMs
      let at = 0
      out = ''
      begun = 0
      ended = 0
      batch = number
      while (at < text.length) {
        if (begun > 0 && now() >= until) break
        const careful = text[at] === '!'
        if (careful) at++
        const comma = text.indexOf(',', at)
        const second = text.indexOf(',', comma + 1)
        const colon = text.indexOf(';', second + 1)
        const end = colon + 1 + +text.slice(second + 1, colon)
        const slot = +text.slice(at, comma)
        const id = +text.slice(comma + 1, second)
        const input = text.slice(colon + 1, end)
        // Before the first there is nothing to hand over, and the way to the host costs as much as five calls.
        if (careful && begun > 0) {
          handOver(begun, out)
          out = ''
        }
        begun++
        at = end
        let result
        try {
          result = call(slot, id, input)
        } catch {}
        if (typeof result !== 'string') result = 'E{"message":"The script used up its stack."}'
        out += result.length + ';' + result
        ended++
      }
      return out
    },
    take(number) {
      if (number !== batch) return '0|0|' // it was cut before anything of it ran; what is here belongs to the one before
      const text = begun + '|' + ended + '|' + out
      out = ''
      return text
    },
  }
}
