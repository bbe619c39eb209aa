import { z } from "zod";
import { endpoint, secret } from "../model/needs.ts";
import { json } from "../model/refs.ts";
import { type CheckContext, defineService } from "../model/service.ts";
import { parseSize, sizePattern } from "../model/units.ts";
