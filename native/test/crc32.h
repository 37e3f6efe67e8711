/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 (IEEE 802.3), as zlib has it: by it test/qemu knows that what left a guest, or a program's arguments, is whole. */
#ifndef FOREBEAR_CRC32_H
#define FOREBEAR_CRC32_H

#include <stddef.h>
#include <stdint.h>

static uint32_t crc32_of(const void *data, size_t length, uint32_t crc)
{
	static uint32_t table[256];
	const unsigned char *byte = data;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
		table[i] = value;
	}
	crc = ~crc;
	while (length--)
		crc = table[(crc ^ *byte++) & 255] ^ crc >> 8;
	return ~crc;
}

#endif
