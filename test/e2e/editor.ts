import type { Page } from 'playwright-core'

// What stands in the page.
declare const RED: any
declare const document: any

/** Opens the editor of somebody who is signed in, and waits until it stands. `flow`: the tab to show. */
export async function openEditor(page: Page, control: string, flow?: string): Promise<void> {
  await page.goto(new URL('editor/', control).href)
  await untilEditorStands(page)
  if (flow !== undefined) await page.evaluate((id) => RED.workspaces.show(id), flow)
}

/** The flows and the palette are there, and nothing more is loaded. */
export async function untilEditorStands(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    if (typeof RED === 'undefined' || !RED.nodes?.filterNodes({}).length || !document.querySelector('.red-ui-palette-node')) return false
    return document.querySelector('#red-ui-loading-progress')?.style.display === 'none'
  })
}

/** Opens the dialog of a node, and waits until it stands. */
export async function openDialog(page: Page, id: string): Promise<void> {
  await page.evaluate((node) => RED.editor.edit(RED.nodes.node(node)), id)
  await untilDialogStands(page, '#node-dialog-ok')
}

/** Its buttons are there, its fields are made, and the focus is in it. */
export async function untilDialogStands(page: Page, button: string): Promise<void> {
  await page.waitForSelector(button, { state: 'visible' })
  await page.waitForFunction(() => document.activeElement?.closest('.red-ui-tray'))
}

/** Its measures are final: the editor takes them a last time some moments after it stands, and puts it in front of its neighbours then. */
export async function untilDialogRests(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('#red-ui-editor-stack').style.zIndex === '13')
}

/** Presses Done, or another button of the dialog, and waits until it is gone. */
export async function closeDialog(page: Page, button = '#node-dialog-ok'): Promise<void> {
  await page.click(button)
  await page.waitForSelector(button, { state: 'detached' })
}

/** Presses Deploy, with “deploy all the same” when the stock editor finds a node faulty itself; gives what control answered. */
export async function pressDeploy(page: Page): Promise<{ status: number; body: any }> {
  const answered = page.waitForResponse((one) => one.url().endsWith('/editor/flows') && one.request().method() === 'POST')
  await page.click('#red-ui-header-button-deploy')
  const confirm = page.locator('#red-ui-deploy-dialog-confirm-deploy-deploy')
  await Promise.race([answered, confirm.waitFor().catch(() => {})])
  if (await confirm.isVisible()) await confirm.click()
  const answer = await answered
  const body: unknown = await answer.json()
  // It hides when the editor has done with the answer; until then another click does nothing.
  await page.waitForSelector('.red-ui-deploy-button-spinner', { state: 'hidden' })
  return { status: answer.status(), body }
}
