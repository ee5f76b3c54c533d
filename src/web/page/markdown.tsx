/**
 * What an agent wrote, as virtual nodes (T15): no markup of it becomes markup of ours. HTML in it is shown as the text it is,
 * images are links (T9: a remote image tells its server who looks), and a link goes where a person expects.
 */
import type { Definition, Nodes, PhrasingContent, RootContent, Table } from "mdast";
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { createMarkdownParser } from "../../lib/markdown.ts";

const parse = createMarkdownParser();

export function Markdown({ text }: { text: string }) {
  const nodes = useMemo(() => draw(text), [text]);
  return <div class="prose">{nodes}</div>;
}

type Definitions = ReadonlyMap<string, Definition>;

function draw(text: string): ComponentChildren {
  const root = parse(text);
  if (root === null) return <p class="plain">{text}</p>;
  const definitions = new Map<string, Definition>();
  for (const node of root.children) if (node.type === "definition") definitions.set(node.identifier, node);
  return children(root.children, definitions);
}

function children(nodes: readonly Nodes[], definitions: Definitions): ComponentChildren[] {
  return nodes.map((node, index) => <Node key={index} node={node as RootContent} definitions={definitions} />);
}

function Node({ node, definitions }: { node: RootContent; definitions: Definitions }): ComponentChildren {
  const inside = (): ComponentChildren[] => children("children" in node ? node.children : [], definitions);
  switch (node.type) {
    case "paragraph":
      return <p>{inside()}</p>;
    case "heading":
      // Every answer stands under the conversation's heading; deeper levels would leave gaps.
      return <h3 class={`depth-${node.depth}`}>{inside()}</h3>;
    case "text":
      return node.value;
    case "emphasis":
      return <em>{inside()}</em>;
    case "strong":
      return <strong>{inside()}</strong>;
    case "delete":
      return <del>{inside()}</del>;
    case "inlineCode":
      return <code>{node.value}</code>;
    case "code":
      return <CodeBlock language={node.lang ?? ""} text={node.value} />;
    case "blockquote":
      return <blockquote>{inside()}</blockquote>;
    case "list":
      return node.ordered === true ? <ol start={node.start ?? 1}>{inside()}</ol> : <ul>{inside()}</ul>;
    case "listItem":
      return (
        <li class={node.checked === null || node.checked === undefined ? "" : "task"}>
          {node.checked === true ? "\u2611 " : node.checked === false ? "\u2610 " : ""}
          {inside()}
        </li>
      );
    case "thematicBreak":
      return <hr />;
    case "break":
      return <br />;
    case "link":
      return <Link url={node.url}>{inside()}</Link>;
    case "linkReference":
      return <Link url={definitions.get(node.identifier)?.url ?? ""}>{inside()}</Link>;
    case "image":
      return <Link url={node.url}>{node.alt === "" || node.alt === null ? "image" : `image: ${node.alt}`}</Link>;
    case "imageReference":
      return <Link url={definitions.get(node.identifier)?.url ?? ""}>{`image: ${node.alt ?? ""}`}</Link>;
    case "table":
      return <DataTable table={node} definitions={definitions} />;
    case "html":
      return node.value;
    case "footnoteReference":
      return <sup>[{node.identifier}]</sup>;
    case "footnoteDefinition":
      return (
        <div class="footnote">
          [{node.identifier}] {inside()}
        </div>
      );
    case "definition":
    case "yaml":
    case "tableRow": // drawn by their table
    case "tableCell":
      return null;
    default:
      return node satisfies never;
  }
}

/** Anything but these could run something or read a file. */
const linkPattern = /^(https?|mailto|tel):/i;

function Link({ url, children }: { url: string; children: ComponentChildren }) {
  if (!linkPattern.test(url)) return <span>{children}</span>;
  return (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow" title={url}>
      {children}
    </a>
  );
}

function CodeBlock({ language, text }: { language: string; text: string }) {
  const [label, setLabel] = useState("Copy");
  const copy = (): void => {
    // Owns the promise: the label says what became of it. The clipboard is missing on plain http from another machine.
    void Promise.resolve(navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"))).then(
      () => setLabel("Copied"),
      () => setLabel("Select and copy"),
    );
  };
  return (
    <div class="code">
      <div class="code-head">
        <span>{language === "" ? "text" : language}</span>
        <button type="button" class="quiet" onClick={copy} aria-label={`${label} this code`}>
          {label}
        </button>
      </div>
      {/* It scrolls sideways, so the keyboard must reach it. */}
      <pre tabIndex={0} role="region" aria-label={`Code, ${language === "" ? "text" : language}`}>
        <code>{text}</code>
      </pre>
    </div>
  );
}

function DataTable({ table, definitions }: { table: Table; definitions: Definitions }) {
  const [head, ...rows] = table.children;
  const cells = (content: readonly PhrasingContent[]): ComponentChildren[] => children(content, definitions);
  const align = (column: number): string => `align-${table.align?.[column] ?? "left"}`;
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead>
          <tr>
            {head?.children.map((cell, column) => (
              <th key={column} scope="col" class={align(column)}>
                {cells(cell.children)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.children.map((cell, column) => (
                <td key={column} class={align(column)}>
                  {cells(cell.children)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
