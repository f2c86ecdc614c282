import { runPart } from "./part.ts";

runPart(import.meta.filename);
