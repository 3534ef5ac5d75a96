// The sidebar of tests: the cases of a flow, run against what is drawn, and which wires they cover.
(function () {
  const sluice = window.sluice
  const t = sluice.words({
    en: {
      label: 'tests', name: 'Tests', none: 'Open a flow to see its cases.', noCases: 'This flow has no cases. Watch a request and save it as a case.',
      run: 'Run', runAll: 'Run all', running: 'Running…', edit: 'Edit', remove: 'Delete', removed: 'The case “{name}” was deleted.', undo: 'Undo', save: 'Save', cancel: 'Cancel', download: 'Download cases.json', upload: 'Upload cases.json',
      passed: '{n} passed', failed: '{n} failed', coverage: '{n} of {all} wires covered', show: 'Show coverage on the canvas', hide: 'Hide coverage',
      gate: 'A deploy of this flow has to pass its cases', gateHint: 'Takes effect with the next deploy.', broken: 'The flow cannot be run as it is drawn:', notJson: 'This is no JSON: {reason}', leftOut: 'There was no time for {n} cases.', leaveOut: 'Do not compare what differs',
      took: '{ms} ms', ok: 'passed', bad: 'failed', notRun: 'not run', covered: 'covered', missed: 'not covered', caseJson: 'The case as JSON',
    },
    'zh-TW': {
      label: '測試', name: '測試', none: '請先開啟流程以查看其案例。', noCases: '此流程尚無案例。請觀察一個請求並存成案例。',
      run: '執行', runAll: '全部執行', running: '執行中…', edit: '編輯', remove: '刪除', removed: '已刪除案例「{name}」。', undo: '復原', save: '儲存', cancel: '取消', download: '下載 cases.json', upload: '上傳 cases.json',
      passed: '{n} 項通過', failed: '{n} 項失敗', coverage: '已涵蓋 {n} 條連線，共 {all} 條', show: '在畫布上顯示涵蓋範圍', hide: '隱藏涵蓋範圍',
      gate: '部署此流程前必須通過其案例', gateHint: '自下次部署起生效。', broken: '目前繪製的流程無法執行：', notJson: '這不是 JSON：{reason}', leftOut: '{n} 個案例沒有時間執行。', leaveOut: '不比對這些不同之處',
      took: '{ms} 毫秒', ok: '通過', bad: '失敗', notRun: '尚未執行', covered: '已涵蓋', missed: '未涵蓋', caseJson: '案例的 JSON',
    },
  })

  let box, body, status
  let flow
  let cases = []
  /** Results by name, of the flow that is shown. */
  let results = new Map()
  let problems = []
  let covering = false
  let editing

  const button = (text, press, more = '') => $(`<button type="button" class="red-ui-button red-ui-button-small ${more}"></button>`).text(text).on('click', press)
  const complain = (error) => RED.notify($('<span></span>').text(error.message), { type: 'warning', timeout: 6000 })
  const say = (text) => status.text(text)

  function build() {
    box = $('<div class="sluice-side"></div>')
    body = $('<div class="sluice-side-part"></div>').appendTo(box)
    status = $('<div class="sluice-live" role="status" aria-live="polite"></div>').appendTo(box)
    RED.sidebar.addTab({ id: 'sluice-tests', label: t('label'), name: t('name'), content: box, iconClass: 'fa fa-check-square-o', enableOnEdit: true, action: 'sluice:show-tests' })
    sluice.whenShown(box, () => void load())
    RED.actions.add('sluice:show-tests', () => RED.sidebar.show('sluice-tests'))
    RED.events.on('workspace:change', () => void load())
    draw()
  }

  async function load(force = false) {
    const id = RED.workspaces.active()
    const tab = id && RED.nodes.workspace(id)
    if (!tab) {
      flow = undefined
      return draw()
    }
    if (flow === id && !force) return draw()
    flow = id
    cases = []
    results = new Map()
    problems = []
    editing = undefined
    uncover()
    if (!box.is(':visible') && !force) {
      flow = undefined // looked for when somebody looks
      return
    }
    try {
      const found = (await sluice.ask('GET', `cases/${encodeURIComponent(id)}`)).cases
      if (flow === id) cases = found
    } catch (error) {
      if (flow === id) problems = [error.message]
    }
    draw()
  }

  async function store(next) {
    cases = (await sluice.ask('PUT', `cases/${encodeURIComponent(flow)}`, { cases: next })).cases
    draw()
  }

  /** Adds a case that was made of a run, shows it here and runs it. */
  sluice.addCase = async function (of, made) {
    if (RED.workspaces.active() !== of) RED.workspaces.show(of)
    RED.sidebar.show('sluice-tests')
    await load(true)
    let name = made.name
    for (let n = 2; cases.some((one) => one.name === name); n++) name = `${made.name} (${n})`
    await store([...cases, { ...made, name }])
    await run([name])
  }

  async function run(names) {
    const id = flow
    const wanted = names ? cases.filter((one) => names.includes(one.name)) : cases
    if (wanted.length === 0) return
    say(t('running'))
    box.find('.sluice-run-all').prop('disabled', true).text(t('running'))
    try {
      const report = await sluice.ask('POST', `cases/${encodeURIComponent(id)}/run`, { nodes: sluice.draft(), ...(names ? { cases: wanted } : {}) })
      if (flow !== id) return
      problems = report.problems.map(({ message }) => message)
      if (!names) results = new Map()
      for (const result of report.results) results.set(result.name, result)
      if (report.leftOut > 0 && problems.length === 0) problems = [t('leftOut', { n: report.leftOut })]
      const bad = [...results.values()].filter(({ ok }) => !ok).length
      say(problems.length > 0 ? problems[0] : `${t('passed', { n: results.size - bad })}, ${t('failed', { n: bad })}`)
    } catch (error) {
      complain(error)
    }
    draw()
    if (covering) cover()
  }

  /** Wires that are drawn on the flow, but those of nodes that are switched off. */
  function drawn() {
    const links = []
    RED.nodes.eachLink((link) => {
      if (link.source.z === flow && !link.link && link.source.d !== true && link.target.d !== true) links.push(link)
    })
    return links
  }

  function taken() {
    const keys = new Map()
    for (const { wires = [] } of results.values()) {
      const own = new Set(wires.flatMap(([from, port, to]) => sluice.wiresOf(from, port, to)))
      for (const key of own) keys.set(key, (keys.get(key) || 0) + 1)
    }
    return keys
  }

  function cover() {
    const keys = taken()
    covering = true
    const wires = new Map(drawn().map((link) => {
      const key = sluice.keyOf(link)
      const count = keys.get(key) || 0
      return [key, { kind: count > 0 ? 'taken' : 'missed', ...(count > 0 ? { text: String(count) } : {}), label: count > 0 ? `${t('covered')}: ${count}` : t('missed') }]
    }))
    sluice.paint({ owner: 'tests', nodes: new Map(), wires, now: new Set(), nowWires: new Set() })
  }

  function uncover() {
    covering = false
    sluice.unpaint('tests')
  }

  function draw() {
    body.empty()
    const tab = flow && RED.nodes.workspace(flow)
    if (!tab) return void $('<h4></h4>').text(t('none')).appendTo(body)
    $('<h4></h4>').text(tab.label).appendTo(body)
    drawGate(tab)
    const acts = $('<div class="sluice-acts"></div>').appendTo(body)
    if (cases.length > 0) button(t('runAll'), () => run(), 'primary sluice-run-all').appendTo(acts)
    drawCoverage()
    for (const text of problems) $('<p class="sluice-failed"></p>').text(text).appendTo(body)
    if (cases.length === 0 && problems.length === 0) $('<p class="sluice-hint"></p>').text(t('noCases')).appendTo(body)
    const ul = $('<ul class="sluice-cases"></ul>').appendTo(body)
    for (const one of cases) drawCase(one).appendTo(ul)
    drawFiles()
  }

  function drawGate(tab) {
    const on = (tab.env || []).some(({ name, value }) => name === 'SLUICE_CASES' && value === 'gate')
    const check = $('<input type="checkbox" class="sluice-gate" />').prop('checked', on).on('change', () => {
      const before = { env: tab.env, changed: tab.changed }
      const rest = (tab.env || []).filter(({ name }) => name !== 'SLUICE_CASES')
      tab.env = check.prop('checked') ? [...rest, { name: 'SLUICE_CASES', value: 'gate', type: 'str' }] : rest
      tab.changed = true
      RED.history.push({ t: 'edit', node: tab, changes: { env: before.env }, changed: before.changed, dirty: RED.nodes.dirty() })
      RED.nodes.dirty(true)
      RED.events.emit('flows:change', tab)
      say(t('gateHint'))
    })
    $('<p></p>').append($('<label class="sluice-check"></label>').append(check, document.createTextNode(` ${t('gate')}`))).appendTo(body)
  }

  function drawCoverage() {
    if (results.size === 0) return
    const all = drawn()
    const keys = taken()
    const n = all.filter((link) => keys.has(sluice.keyOf(link))).length
    const line = $('<p class="sluice-coverage"></p>').appendTo(body)
    $('<progress></progress>').attr({ max: Math.max(1, all.length), value: n, 'aria-label': t('coverage', { n, all: all.length }) }).appendTo(line)
    $('<span></span>').text(` ${t('coverage', { n, all: all.length })} `).appendTo(line)
    button(covering ? t('hide') : t('show'), () => {
      if (covering) uncover()
      else cover()
      draw()
    }, 'sluice-show-coverage').attr('aria-pressed', String(covering)).appendTo(line)
  }

  function drawCase(one) {
    const result = results.get(one.name)
    const state = result === undefined ? 'notRun' : result.ok ? 'ok' : 'bad'
    const li = $('<li></li>').addClass(`sluice-case-${state}`)
    const icon = { ok: 'fa-check-circle', bad: 'fa-times-circle', notRun: 'fa-circle-o' }[state]
    const head = $('<div class="sluice-case-head"></div>').appendTo(li)
    $('<i></i>').addClass(`fa ${icon}`).attr({ role: 'img', 'aria-label': t(state) }).appendTo(head)
    $('<span class="sluice-case-title"></span>').text(one.name).appendTo(head)
    if (result) $('<span class="sluice-run-more"></span>').text(t('took', { ms: result.tookMs })).appendTo(head)
    const acts = $('<div class="sluice-acts"></div>').appendTo(li)
    const named = (text, press) => button(text, press).attr('aria-label', `${text}: ${one.name}`)
    named(t('run'), () => run([one.name])).appendTo(acts)
    named(t('edit'), () => {
      editing = editing === one.name ? undefined : one.name
      draw()
    }).appendTo(acts)
    named(t('remove'), () => remove(one)).appendTo(acts)
    if (result && !result.ok) {
      const list = $('<ul class="sluice-lines"></ul>').appendTo(li)
      for (const text of result.failures) $('<li></li>').text(sluice.sayFailure(text)).appendTo(list)
      const less = withoutDiffering(one, result.failures)
      if (less) button(t('leaveOut'), () => replace(one, less).then(() => run([one.name]), complain), 'sluice-leave-out').attr('aria-label', `${t('leaveOut')}: ${one.name}`).appendTo(li)
    }
    if (editing === one.name) drawEditor(one).appendTo(li)
    return li
  }

  /** The case without the places of its answer that differ, such as a clock, and without what an upstream was asked with that differs; nothing when there is none to leave out. */
  function withoutDiffering(one, failures) {
    const json = structuredClone(one.expect.json)
    let left = 0
    for (const text of failures) {
      const path = /^body((?:\.[^.[\]:]+|\[\d+\])+): expected/.exec(text)
      if (!path) continue
      const keys = [...path[1].matchAll(/\.([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => (name === undefined ? Number(index) : name))
      const last = keys.pop()
      const holder = keys.reduce((at, key) => (at === null || typeof at !== 'object' ? undefined : at[key]), json)
      if (typeof last !== 'string' || holder === null || typeof holder !== 'object' || !Object.hasOwn(holder, last)) continue
      delete holder[last]
      left++
    }
    const isOther = ({ match, asked }) => asked && failures.some((text) => text.startsWith(`called ${match.method || 'GET'} ${match.url} with`))
    const upstreams = (one.upstreams || []).map((upstream) => (isOther(upstream) ? { ...upstream, asked: undefined } : upstream))
    left += upstreams.filter((upstream, index) => upstream !== one.upstreams[index]).length
    return left > 0 ? { ...one, ...(one.upstreams ? { upstreams } : {}), expect: { ...one.expect, ...(json === undefined ? {} : { json }) } } : undefined
  }

  async function replace(one, next) {
    await store(cases.map((other) => (other === one ? next : other)))
    results.delete(one.name)
    draw()
  }

  async function remove(one) {
    const before = cases
    try {
      await store(cases.filter((other) => other !== one))
      results.delete(one.name)
      draw()
      const shown = RED.notify($('<span></span>').text(t('removed', { name: one.name })), { timeout: 8000, buttons: [{ text: t('undo'), click: () => {
        shown.close()
        store(before).catch(complain)
      } }] })
    } catch (error) {
      complain(error)
    }
  }

  function drawEditor(one) {
    const area = $('<textarea rows="16" spellcheck="false" class="sluice-mono"></textarea>').attr('aria-label', t('caseJson')).val(JSON.stringify(one, null, 2))
    const wrong = $('<p class="sluice-failed" role="alert"></p>')
    const saveIt = async () => {
      let next
      try {
        next = JSON.parse(area.val())
      } catch (error) {
        return void wrong.text(t('notJson', { reason: error.message }))
      }
      try {
        editing = undefined
        await store(cases.map((other) => (other === one ? next : other)))
        results.delete(one.name)
        draw()
      } catch (error) {
        editing = one.name
        wrong.text(error.message)
      }
    }
    return $('<div class="sluice-case-editor"></div>').append(area, wrong, button(t('save'), saveIt, 'primary'), button(t('cancel'), () => {
      editing = undefined
      draw()
    }))
  }

  function drawFiles() {
    const acts = $('<div class="sluice-acts"></div>').appendTo(body)
    if (cases.length > 0) {
      button(t('download'), () => {
        const url = URL.createObjectURL(new Blob([`${JSON.stringify(cases, null, 2)}\n`], { type: 'application/json' }))
        $('<a></a>').attr({ href: url, download: 'cases.json' })[0].click()
        setTimeout(() => URL.revokeObjectURL(url), 1000)
      }).appendTo(acts)
    }
    const file = $('<input type="file" accept=".json,application/json" class="sluice-file" tabindex="-1" aria-hidden="true" />').on('change', async () => {
      const given = file[0].files[0]
      if (!given) return
      try {
        await store(JSON.parse(await given.text()))
        results = new Map()
        draw()
      } catch (error) {
        complain(error instanceof SyntaxError ? new Error(t('notJson', { reason: error.message })) : error)
      }
    })
    button(t('upload'), () => file.trigger('click')).appendTo(acts)
    file.appendTo(acts)
  }

  RED.events.on('flows:loaded', function once() {
    RED.events.off('flows:loaded', once)
    build()
  })
})()
