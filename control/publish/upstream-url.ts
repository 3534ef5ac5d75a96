import { parseUrlTemplate } from '../../runtime/core/upstream/url-template.ts'
import { TemplateError } from '../../runtime/core/values/path-template.ts'

/** Whether a text can begin the address of a service: absolute, http or https; it may begin with `${NAME}`. */
export function whyNoUpstream(text: string): string | undefined {
  const start = /^\$\{[A-Za-z_]\w{0,100}\}/.exec(text)?.[0]
  const rest = start === undefined ? text : `https://env.example${text.slice(start.length)}`
  if (/\{\{|\$\{/.test(rest)) return `“${text.slice(0, 200)}” holds an expression.`
  // eslint-disable-next-line no-control-regex -- control characters are what is kept out
  if (/[\s\u0000-\u001f\u007f\\]/.test(text)) return `“${text.slice(0, 200)}” holds a blank, a backslash or a control character.`
  try {
    parseUrlTemplate(rest)
    return undefined
  } catch (thrown) {
    if (thrown instanceof TemplateError) return thrown.message
    return `“${text.slice(0, 200)}” is no address.`
  }
}
