import type { Text } from '../../runtime/core/node.ts'
import type { FormDescription } from './form.ts'

/** The file that tells the stock editor about a node of ours; the page makes the form from the description in it. */
export function toFormHtml(form: FormDescription, help: Text): string {
  return [
    `<script type="text/html" data-template-name="${attribute(form.type)}"><div class="sluice-form"></div></script>`,
    toHelpScript(form.type, form.summary.en, help.en, 'en-US'),
    toHelpScript(form.type, form.summary['zh-TW'], help['zh-TW'], 'zh-TW'),
    `<script type="text/javascript">RED.nodes.registerType(${scriptJson(form.type)}, Sluice.nodeDefinition(${scriptJson(form)}))</script>`,
    '',
  ].join('\n')
}

/** Help as the editor's help sidebar takes it: Markdown, which it renders itself, cleaned of anything active. */
export function toHelpScript(type: string, summary: string, help: string, language?: string): string {
  const text = help.startsWith(summary) ? help : `${summary}\n\n${help}`
  const named = `data-help-name="${attribute(type)}"${language ? ` data-lang="${language}"` : ''}`
  return `<script type="text/markdown" ${named}>\n${text.replaceAll('</script', '<\\/script')}\n</script>`
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
}

/** JSON that may stand inside a script element: nothing in it can end the element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
