/**
 * The context of one isolate in which all JSONata of its owner is evaluated: the library once, the
 * expressions as data. Body of a function, after codec.js. Gives back `setup`.
 */
const { parse, stringify } = JSON
delete globalThis.WebAssembly
delete globalThis.SharedArrayBuffer
delete globalThis.Atomics

return function setup(hostCall, source) {
  const host = (...args) => {
    const answer = hostCall(...args)
    if (typeof answer === 'string' && answer[0] === '!') throw { message: answer.slice(1) }
    return answer
  }
  const module = { exports: {} }
  new Function('module', 'exports', source)(module, module.exports)
  const jsonata = module.exports
  const expressions = new Map()
  let outcome = ''
  let now // the expression that runs

  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const toBase64 = (bytes) => {
    let text = ''
    for (let i = 0; i < bytes.length; i += 3) {
      const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
      text += letters[n >> 18] + letters[(n >> 12) & 63] + (i + 1 < bytes.length ? letters[(n >> 6) & 63] : '=') + (i + 2 < bytes.length ? letters[n & 63] : '=')
    }
    return text
  }
  const fromBase64 = (text) => {
    const size = text.replace(/=+$/, '').length
    const bytes = new Uint8Array((size * 3) >> 2)
    for (let i = 0, at = 0; i < size; i += 4) {
      const value = (k) => Math.max(0, letters.indexOf(text[i + k]))
      const n = (value(0) << 18) | (value(1) << 12) | (value(2) << 6) | value(3)
      bytes[at++] = n >> 16
      bytes[at++] = n >> 8
      bytes[at++] = n
    }
    return bytes
  }
  const decode = (text) => (text === 'U' ? undefined : text[0] === 'J' ? parse(text.slice(1)) : unpack(text.slice(1), fromBase64))
  const encode = (value) => {
    if (value === undefined || typeof value === 'function') return 'U'
    if (isJson(value)) return 'J' + stringify(value)
    return 'T' + pack(value, toBase64, (v) => (typeof v.toJSON === 'function' && !(v instanceof Date) ? v.toJSON() : v._jsonata_function || v._jsonata_lambda ? '' : undefined))
  }

  function prepare(text) {
    const expression = jsonata(text)
    const context = (scope) => (key) => decode(host('context', now, scope, String(key)))
    expression.assign('flowContext', context('flow'))
    expression.assign('globalContext', context('global'))
    expression.assign('env', (name) => {
      const value = decode(host('env', now, String(name)))
      return value === undefined ? '' : value
    })
    expression.registerFunction('clone', (value) => (value === undefined ? undefined : decode(encode(value))), '<(oa)-:o>')
    expression.registerFunction(
      'moment',
      () => {
        throw { code: 'X0001', message: '$moment is not available; use $now(), $toMillis() and $fromMillis()' }
      },
      '<x-x?x?x?:o>',
    )
    return expression
  }

  return function enter(op, id, text, input, bindings, kind) {
    switch (op) {
      case 'start': {
        outcome = ''
        now = id
        try {
          let expression = expressions.get(text)
          if (!expression) expressions.set(text, (expression = prepare(text)))
          let value
          if (kind === 'raw') {
            try {
              value = input === '' ? undefined : parse(input)
            } catch (error) {
              outcome = 'B' + error.message
              return
            }
          } else if (kind === 'message') value = readMessage(input)
          else value = decode(input)
          if (Array.isArray(value) && kind !== 'message') value = value.slice()
          expression.evaluate(value, bindings === '' ? undefined : decode(bindings)).then(
            (result) => {
              try {
                outcome = encode(result)
              } catch (error) {
                outcome = 'E' + String(error && error.message)
              }
            },
            (error) => {
              outcome = 'E' + String((error && error.message) || error)
            },
          )
        } catch (error) {
          outcome = error && error.malformed !== undefined ? 'B' + error.malformed : 'E' + String((error && error.message) || error)
        }
        return
      }
      case 'take': {
        const text = outcome
        outcome = ''
        return text
      }
      default:
        expressions.delete(text)
    }
  }

  function readMessage(text) {
    const body = (raw) => {
      try {
        return raw === '' ? undefined : parse(raw)
      } catch (error) {
        throw { malformed: error.message }
      }
    }
    let message
    switch (text[0]) {
      case 'P':
        return { payload: body(text.slice(2)) }
      case 'J':
        message = parse(text.slice(2))
        break
      case 'R': {
        const colon = text.indexOf(':')
        const end = colon + 1 + +text.slice(2, colon)
        message = parse(text.slice(colon + 1, end))
        message.payload = body(text.slice(end))
        break
      }
      case 'T':
        message = unpack(text.slice(2), fromBase64)
        break
      default:
        message = {}
    }
    return message
  }
}
